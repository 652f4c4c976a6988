"""Does the order of the decoders at their own learning rates hold for less and for more noise?

python -m aedenoise.main --mode=compare --experiment=own_rates_noise

Registered before the first cell was trained: as ``own_rates`` (letters, the default recipe for 500
steps, equal parameters, 16 seeds, its rates, which were chosen at noise 0.4), at noise 0.2 and 0.6.
The comparison is the PSNR against nearest upsampling at each level, paired by seed, with 95 %
intervals corrected for all 33 comparisons: eleven decoders, two levels and their mean. Nothing else
decides which one is called better.

The 33 comparisons were spelt out after the first cells. Training was paused at 8 seeds for want of
time, when single results had been seen; the other 8 followed as registered.

Answer: no. At noise 0.2 transposed convolutions are clearly better than nearest upsampling (with
smoothing 0.56 dB, 3x3 0.45, 2x2 0.41, 4x4 0.33), and so are sub-pixel convolution (0.31) and CARAFE
(0.18). At 0.6 transposed convolutions of 2x2, 3x3, 4x4 and 6x6 are worse by 0.64, 0.33, 0.15 and
0.09 dB; CARAFE is better by 0.15 dB, and bilinear and bicubic upsampling by 0.04 and 0.03 dB.
experiments/results/own_rates_noise/. 2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-29.
"""

from dataclasses import replace

from experiments import own_rates

EXPERIMENT = replace(own_rates.EXPERIMENT, name="own_rates_noise")
STUDY = replace(own_rates.STUDY, name="own_rates_noise", base=EXPERIMENT, noise_levels=(0.2, 0.6))
