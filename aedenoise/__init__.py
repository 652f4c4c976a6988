"""Upsample or transposed convolution? Convolutional denoising autoencoders in JAX and Flax.

Importing the package imports nothing heavy; the rooms are imported where they are used:
``aedenoise.experiment`` describes a run, ``aedenoise.modes`` carries it out, and
``aedenoise.evaluation.load_denoiser`` turns a finished run into a function on images.
"""

__version__ = "0.1.0"
