"""Keras blog 2016: what does its denoiser, published without a number, reach?

python -m aedenoise.main --experiment=keras_blog

Answer so far: test BCE 0.1209 and 0.1111 (18.28 dB) after epochs 1 and 2 of the 100
(--epochs=2; the rate is constant, so these are the first two of the whole run), 224 s; seed 0.
2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-23.
"""

from aedenoise.experiment import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig

# Chollet, "Building Autoencoders in Keras": Adam at its default rate, batch 128, 100 epochs.
# Here the noise is fresh at every step; there it was drawn once.
EXPERIMENT = Experiment(
    name="keras_blog",
    model=ModelConfig(decoder="upsample"),
    data=DataConfig(dataset="mnist"),
    noise=NoiseConfig(level=0.5),
    optimizer=OptimizerConfig(learning_rate=1e-3, schedule="constant", warmup=0.0, b2=0.999),
    batch_size=128,
    epochs=100,
)
