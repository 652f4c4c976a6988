"""Does the order of the decoders at their own learning rates hold for a training of 4,000 steps?

python -m aedenoise.main --mode=compare --experiment=own_rates_long

Registered before the first cell was trained: as ``own_rates`` (letters, noise 0.4, the default
recipe, equal parameters, 16 seeds), for 4,000 steps, 17 passes over the letters, and the rates of
experiments/results/rates_long.md, which were chosen on validation images with another seed after a
training of this length. The comparison is the PSNR against nearest upsampling, paired by seed, with
95 % intervals corrected for the five comparisons; nothing else decides which one is called better.
The decoders are those of ``rates_long``.

Power: paired differences after 4,000 steps deviate by 0.04 to 0.06 dB over the seeds of
``decoder_budget``. With 16 seeds, 95 % intervals are then about 0.05 dB wide, and a difference of
0.05 dB is found clear with a probability of 80 %.

Training was paused at 8 seeds, in favour of less noise (``own_rates_long_noise``), when single
results had been seen.

Answer: no. After 4,000 steps transposed convolutions are worse than nearest upsampling, 3x3 by
0.31 dB [0.28, 0.33], 4x4 by 0.14 dB [0.09, 0.18] and those with smoothing by 0.07 dB [0.04, 0.10];
sub-pixel convolution (0.05 dB) and bilinear upsampling (0.00 dB) do not clearly differ from it.
experiments/results/own_rates_long/. 2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-30.
"""

from dataclasses import replace

from experiments import own_rates

EXPERIMENT = replace(own_rates.EXPERIMENT, name="own_rates_long")
STUDY = replace(
    own_rates.STUDY,
    name="own_rates_long",
    base=EXPERIMENT,
    decoders=(
        "upsample:lr0.012",
        "bilinear:lr0.012",
        "transpose:k3:lr0.012",
        "transpose:k4:lr0.024",
        "transpose_smooth:lr0.024",
        "subpixel:lr0.024",
    ),
    steps=(4000,),
)
