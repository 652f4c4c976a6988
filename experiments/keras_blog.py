"""Keras blog 2016: what does its denoiser, published without a figure, reach?

python -m aedenoise.main --experiment=keras_blog
"""

from aedenoise.config import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig

# Chollet, "Building Autoencoders in Keras": Adam at its default rate, batch 128, 100 epochs, noise
# drawn once.
EXPERIMENT = Experiment(
    name="keras_blog",
    model=ModelConfig(decoder="upsample", initializer="glorot"),
    data=DataConfig(dataset="mnist"),
    noise=NoiseConfig(level=0.5, fresh=False),
    optimizer=OptimizerConfig(
        name="adam", learning_rate=1e-3, schedule="constant", warmup=0.0, b2=0.999, eps=1e-7
    ),
    batch_size=128,
    epochs=100,
)
