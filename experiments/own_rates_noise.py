"""Does the order of the decoders at their own learning rates hold for less and for more noise?

python -m aedenoise.main --mode=compare --experiment=own_rates_noise

Registered before the first cell was trained: as ``own_rates`` (letters, the default recipe for 500
steps, equal parameters, 16 seeds, its rates, which were chosen at noise 0.4), at noise 0.2 and 0.6.
The comparison is the PSNR against nearest upsampling at each level, paired by seed, with 95 %
intervals corrected for all 33 comparisons: eleven decoders, two levels and their mean. Nothing else
decides which one is called better.

The 33 comparisons were spelt out after the first cells. Training was stopped at 8 seeds for want of
time; single results had been seen by then.

Answer so far, with 8 of the 16 seeds: no. At noise 0.2 transposed convolutions are clearly better
than nearest upsampling (with smoothing 0.56 dB, 3x3 0.46, 2x2 0.39, 4x4 0.34), and CARAFE is by
0.20 dB; at 0.6 no decoder is clearly better, and 2x2, 3x3 and 4x4 are worse by 0.65, 0.33 and 0.14
dB. experiments/results/own_rates_noise/. 2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2,
2026-11-29.
"""

from dataclasses import replace

from experiments import own_rates

EXPERIMENT = replace(own_rates.EXPERIMENT, name="own_rates_noise")
STUDY = replace(own_rates.STUDY, name="own_rates_noise", base=EXPERIMENT, noise_levels=(0.2, 0.6))
