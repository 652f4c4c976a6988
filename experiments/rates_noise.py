"""Which learning rate suits each decoder at less and at more noise? The sweep of ``rates`` at both.

python -m experiments.validation notmnist/open      # writes validation/notmnist-open.npz
python -m aedenoise.main --mode=compare --experiment=rates_noise
python -m experiments.choose_rates runs/compare-rates_noise

Rule, recipe and seed are those of ``rates``.
"""

from dataclasses import replace

from experiments import rates

EXPERIMENT = replace(rates.EXPERIMENT, name="rates_noise")
STUDY = replace(rates.STUDY, name="rates_noise", base=EXPERIMENT, noise_levels=(0.2, 0.6))
