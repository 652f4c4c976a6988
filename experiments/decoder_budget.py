"""Does the difference between the decoders depend on how long they are trained?

python -m aedenoise.main --mode=compare --experiment=decoder_budget

Answer: yes. At noise 0.4, over both datasets, bilinear upsampling is behind nearest upsampling by
0.55 dB [0.19, 0.91] after 250 steps and by 0.10 dB [0.09, 0.12] after 4,000; then 3x3 transposed
convolutions are 0.25 dB [0.17, 0.33] behind, 4x4 ones 0.06 dB [0.02, 0.11], and sub-pixel
convolution is level. 4 seeds (0 to 3); experiments/results/decoder_budget/.
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
    seeds=4,
)
