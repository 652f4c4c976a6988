"""Does the order of the decoders at their own learning rates hold for less and for more noise?

python -m aedenoise.main --mode=compare --experiment=own_rates_noise

Registered before the first cell was trained: as ``own_rates`` (letters, the default recipe for 500
steps, equal parameters, 16 seeds, its rates, which were chosen at noise 0.4), at noise 0.2 and 0.6.
The comparison is the PSNR against nearest upsampling at each level, paired by seed, with 95 %
intervals corrected for all 33 comparisons: eleven decoders, two levels and their mean. Nothing else
decides which one is called better.
"""

from dataclasses import replace

from experiments import own_rates

EXPERIMENT = replace(own_rates.EXPERIMENT, name="own_rates_noise")
STUDY = replace(own_rates.STUDY, name="own_rates_noise", base=EXPERIMENT, noise_levels=(0.2, 0.6))
