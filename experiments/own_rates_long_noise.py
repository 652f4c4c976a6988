"""Does the order of the decoders after 4,000 steps hold for less noise?

python -m aedenoise.main --mode=compare --experiment=own_rates_long_noise

Registered before the first cell was trained: as ``own_rates_long`` (letters, 4,000 steps, equal
parameters, its decoders and its rates, which were chosen at noise 0.4), at noise 0.2, with 8 seeds
(0 to 7). The comparison is the PSNR against nearest upsampling, paired by seed, with 95 % intervals
corrected for the five comparisons; nothing else decides which one is called better. Over the first
three seeds of ``own_rates_long`` paired differences deviate by 0.01 to 0.04 dB; intervals of 8
seeds are then 0.02 to 0.07 dB wide.

Answer: no. At less noise each decoder that learns its enlargement stays ahead of nearest upsampling
after 4,000 steps: 4x4 transposed convolutions by 0.20 dB [0.14, 0.26], those with smoothing by 0.20
dB [0.15, 0.24], sub-pixel convolution by 0.15 dB [0.08, 0.22] and 3x3 transposed convolutions by
0.13 dB [0.08, 0.18]. Bilinear upsampling is worse by 0.27 dB [0.22, 0.32].
experiments/results/own_rates_long_noise/. 2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2,
2026-11-30.
"""

from dataclasses import replace

from experiments import own_rates_long

EXPERIMENT = replace(own_rates_long.EXPERIMENT, name="own_rates_long_noise")
STUDY = replace(
    own_rates_long.STUDY,
    name="own_rates_long_noise",
    base=EXPERIMENT,
    noise_levels=(0.2,),
    seeds=8,
)
