"""In how few epochs does keras.io's network reach keras.io's best test BCE of 0.0837?

python -m aedenoise.main --experiment=mnist_quality
python -m aedenoise.main --experiment=mnist_quality --decoder=upsample --workdir=runs/quality_up

Answer: in five, by three seeds of each decoder: 0.0834 to 0.0836 with upsampling, 0.0836 with
transposed convolutions. Adam at its rate of 0.008 ends at 0.0846 with upsampling.
experiments/results/optimizers.md, 2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-28.
"""

from dataclasses import replace

from aedenoise.config import OptimizerConfig

from . import part3_mnist_transpose

# There: 50 epochs without noise, then 100 with noise that was drawn once. Here: fresh noise in
# every step, no epoch without it, and Muon instead of Adam, which needs a third of the epochs
# (experiments/optimizers.py has what else was tried).
EXPERIMENT = replace(
    part3_mnist_transpose.EXPERIMENT,
    name="mnist_quality",
    epochs=5,
    optimizer=OptimizerConfig(name="muon", learning_rate=0.012),
)
