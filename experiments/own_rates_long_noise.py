"""Does the order of the decoders after 4,000 steps hold for less noise?

python -m aedenoise.main --mode=compare --experiment=own_rates_long_noise

Registered before the first cell was trained: as ``own_rates_long`` (letters, 4,000 steps, equal
parameters, its decoders and its rates, which were chosen at noise 0.4), at noise 0.2, with 8 seeds
(0 to 7). The comparison is the PSNR against nearest upsampling, paired by seed, with 95 % intervals
corrected for the five comparisons; nothing else decides which one is called better. Over the first
three seeds of ``own_rates_long`` paired differences deviate by 0.01 to 0.04 dB; intervals of 8
seeds are then 0.02 to 0.07 dB wide.
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
