"""Raschka 2017: does the one with transposed convolutions reach 0.084, and stay behind?

python -m aedenoise.main --experiment=raschka_transpose
"""

from dataclasses import replace

from . import raschka_upsample

# deeplearning-models, ae-deconv: the same with transposed convolutions.
EXPERIMENT = replace(
    raschka_upsample.EXPERIMENT,
    name="raschka_transpose",
    model=replace(raschka_upsample.EXPERIMENT.model, decoder="transpose", order="conv_resize"),
)
