"""Does the difference between the decoders depend on how long they are trained?

python -m aedenoise.main --mode=compare --experiment=decoder_budget
"""

from dataclasses import replace

from . import upsample_vs_transpose

EXPERIMENT = replace(upsample_vs_transpose.EXPERIMENT, name="decoder_budget")
# A quarter and four times the steps of the study.
STUDY = replace(
    upsample_vs_transpose.STUDY,
    base=EXPERIMENT,
    noise_levels=(0.4,),
    steps=(250, 4000),
    seeds=4,
)
