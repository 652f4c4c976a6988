"""Raschka 2017: does the network with transposed convolutions reach a training BCE of 0.084?

python -m aedenoise.main --experiment=raschka_transpose

Answer: training BCE: published 0.0840, here 0.0862 ± 0.0018 (5 seeds), behind the network that
upsamples, as published. 2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-24.
"""

from dataclasses import replace

from . import raschka_upsample

# deeplearning-models, ae-deconv: the same with transposed convolutions.
EXPERIMENT = replace(
    raschka_upsample.EXPERIMENT,
    name="raschka_transpose",
    model=replace(raschka_upsample.EXPERIMENT.model, decoder="transpose", order="conv_resize"),
)
