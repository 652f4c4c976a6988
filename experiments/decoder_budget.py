"""Does the difference between the decoders depend on how long they are trained?

python -m aedenoise.main --mode=compare --experiment=decoder_budget

Answer: yes, and the longer training tells them apart. At noise 0.4, over both datasets, bilinear
upsampling is behind nearest upsampling by 0.53 dB [0.34, 0.74] after 250 steps, and nothing else is
clear; after 4,000 it is behind by 0.11 dB [0.10, 0.14], 3x3 transposed convolutions by 0.25 dB
[0.22, 0.29], 4x4 ones by 0.09 dB [0.06, 0.12], all clear after correction, and sub-pixel
convolution is level. 8 seeds (0 to 7); experiments/results/decoder_budget/.
2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-23.
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
    seeds=8,
)
