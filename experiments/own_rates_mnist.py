"""Does the order of the decoders at their own learning rates hold for digits, too?

python -m aedenoise.main --mode=compare --experiment=own_rates_mnist

Registered before the first cell was trained: as ``own_rates`` (noise 0.4, the default recipe for
500 steps, equal parameters, 16 seeds), on MNIST, at the rates of
experiments/results/rates_mnist.md, which were chosen on validation images with another seed. The
comparison is the PSNR against nearest upsampling, paired by seed, with 95 % intervals corrected for
the number of decoders; nothing else decides which one is called better.

Answer: mostly. Transposed convolutions with smoothing are 0.28 dB [0.20, 0.35] better than nearest
upsampling and sub-pixel convolution 0.14 dB [0.01, 0.28]; bilinear, bicubic, parallel kernels and
max_unpool are clearly worse, as on letters. CARAFE and 2x2 transposed convolutions differ clearly
on letters alone, 6x6 on digits alone. experiments/results/own_rates_mnist/. 2 CPU cores (AMD EPYC),
Python 3.11, jax 0.10.2, 2026-11-29.
"""

from aedenoise.config import DataConfig, Experiment
from aedenoise.config.study import Study

# All 10,000 test images.
EXPERIMENT = Experiment(name="own_rates_mnist", data=DataConfig(dataset="mnist"))
STUDY = Study(
    base=EXPERIMENT,
    decoders=(
        "upsample:lr0.012",
        "bilinear:lr0.012",
        "bicubic:lr0.024",
        "transpose:k2:lr0.024",
        "transpose:k3:lr0.024",
        "transpose:k4:lr0.024",
        "transpose:k6:lr0.024",
        "transpose_parallel:k7:lr0.012",
        "transpose_smooth:lr0.024",
        "subpixel:lr0.024",
        "max_unpool:lr0.012",
        "carafe:lr0.012",
    ),
    noise_levels=(0.4,),
    steps=(500,),
    seeds=16,
)
