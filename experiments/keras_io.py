"""keras.io 2021: does its transposed network reach the published test BCE of 0.0837?

python -m aedenoise.main --experiment=keras_io
"""

from dataclasses import replace

from aedenoise.experiment import ModelConfig, NoiseConfig

from . import keras_blog

# "Convolutional autoencoder for image denoising": the blog's recipe with a transposed decoder
# and less noise. There the noise was drawn once and 50 epochs without noise came first.
EXPERIMENT = replace(
    keras_blog.EXPERIMENT,
    name="keras_io",
    model=ModelConfig(decoder="transpose"),
    noise=NoiseConfig(level=0.4),
)
