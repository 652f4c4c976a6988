"""Does the difference between the decoders depend on the length of training?

python -m aedenoise.main --mode=compare --experiment=decoder_budget

Answer: yes; longer training separates them. At noise 0.4, over both datasets, bilinear upsampling
is 0.53 dB [0.34, 0.74] behind nearest upsampling after 250 steps, and no other difference is
clear. After 4,000 steps it is 0.11 dB [0.10, 0.14] behind, 3x3 transposed convolutions 0.25 dB
[0.22, 0.29], 4x4 ones 0.09 dB [0.06, 0.12], all clear after correction, and sub-pixel convolution
is level. 8 seeds (0 to 7); experiments/results/decoder_budget/.
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
