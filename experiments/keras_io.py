"""keras.io 2021: does its transposed network reach the published BCE of 0.0839?

python -m aedenoise.main --experiment=keras_io

Answer: training BCE: published 0.0655 after 10 of 150 epochs, here 0.0655 (1 seed). The remaining
epochs, about an hour, were not run. 2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-24.
"""

from dataclasses import replace

from aedenoise.config import ModelConfig, NoiseConfig

from . import keras_blog

# "Convolutional autoencoder for image denoising": the blog's recipe with a transposed decoder and
# less noise; 50 epochs without noise, then 100 with it, by the same weights and the same Adam.
EXPERIMENT = replace(
    keras_blog.EXPERIMENT,
    name="keras_io",
    model=ModelConfig(decoder="transpose", initializer="glorot"),
    noise=NoiseConfig(level=0.4, fresh=False),
    epochs=150,
    clean_epochs=50,
)
