"""keras.io 2021: does its transposed network reach the published BCE of 0.0839?

python -m aedenoise.main --experiment=keras_io
"""

from dataclasses import replace

from aedenoise.experiment import ModelConfig, NoiseConfig

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
