"""Which decoder denoises better when each is trained at the learning rate that suits it best?

python -m aedenoise.main --mode=compare --experiment=own_rates

Registered before the first cell was trained: letters, noise 0.4, the default recipe for 500 steps
(two passes over the letters), equal parameters, 16 seeds (0 to 15), the rates of
experiments/results/rates.md, which were chosen on validation images with another seed. The
comparison is the PSNR against nearest upsampling, paired by seed, with 95 % intervals corrected for
the number of decoders; nothing else decides which one is called better.

Answer: transposed convolutions with smoothing are 0.14 dB [0.08, 0.21] better than nearest
upsampling, sub-pixel convolution 0.12 dB [0.01, 0.22] and CARAFE 0.11 dB [0.03, 0.20]; 3x3, 4x4 and
6x6 transposed convolutions do not clearly differ from it, and all others are clearly worse.
experiments/results/own_rates/. 2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-29.
"""

from aedenoise.config import DataConfig, Experiment
from aedenoise.config.study import Study

# All 3,090 test images.
EXPERIMENT = Experiment(name="own_rates", data=DataConfig(dataset="notmnist/open"))
STUDY = Study(
    base=EXPERIMENT,
    decoders=(
        "upsample:lr0.024",
        "bilinear:lr0.012",
        "bicubic:lr0.012",
        "transpose:k2:lr0.048",
        "transpose:k3:lr0.048",
        "transpose:k4:lr0.048",
        "transpose:k6:lr0.024",
        "transpose_parallel:k7:lr0.024",
        "transpose_smooth:lr0.024",
        "subpixel:lr0.024",
        "max_unpool:lr0.024",
        "carafe:lr0.012",
    ),
    noise_levels=(0.4,),
    steps=(500,),
    seeds=16,
)
