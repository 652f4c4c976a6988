"""Which learning rate suits each decoder on digits? The sweep of ``rates`` on MNIST.

python -m experiments.validation mnist              # writes validation/mnist.npz
python -m aedenoise.main --mode=compare --experiment=rates_mnist
python -m experiments.choose_rates runs/compare-rates_mnist

Rule, recipe and seed are those of ``rates``.
"""

from dataclasses import replace

from aedenoise.config import DataConfig
from experiments import rates

EXPERIMENT = replace(
    rates.EXPERIMENT, name="rates_mnist", data=DataConfig(dataset="npz:validation/mnist.npz")
)
STUDY = replace(rates.STUDY, name="rates_mnist", base=EXPERIMENT, datasets=())
