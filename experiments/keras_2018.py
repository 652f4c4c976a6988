"""Keras example of 2018: does its denoiser with a code of 16 numbers reach 18.10 dB?

python -m aedenoise.main --experiment=keras_2018

Answer: test MSE: published 0.01549 (18.10 dB), here 0.01545 (18.11 dB) (1 seed). 2 CPU cores (AMD
EPYC), Python 3.11, jax 0.10.2, 2026-11-24.
"""

from dataclasses import replace

from aedenoise.config import ModelConfig, NoiseConfig

from . import keras_blog

# keras/examples/mnist_denoising_autoencoder.py: half grey noise, drawn once, squared error. The
# figure (test MSE 0.01548) is in keras PR 9058.
EXPERIMENT = replace(
    keras_blog.EXPERIMENT,
    name="keras_2018",
    model=ModelConfig(network="keras_2018"),
    noise=NoiseConfig(level=0.5, mean=0.5, fresh=False),
    loss="mse",
    epochs=40,
)
