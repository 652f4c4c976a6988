"""Which learning rate suits each decoder? Chosen on training images that are kept for validation.

python -m experiments.validation notmnist/open      # writes validation/notmnist-open.npz
python -m aedenoise.main --mode=compare --experiment=rates
python -m experiments.choose_rates runs/compare-rates

Rule: the rate with the best validation PSNR. Where that is the smallest or the largest, the next
one is tried as well. The seed is none of those of the study own_rates, which trains at these rates.
"""

from aedenoise.config import DataConfig, Experiment
from aedenoise.config.study import Study

# The default network and recipe, as long as the study at each decoder's own rate.
EXPERIMENT = Experiment(
    name="rates",
    data=DataConfig(dataset="npz:validation/notmnist-open.npz", test_examples=2000),
    seed=1000,
)
DECODERS = (
    "upsample",
    "bilinear",
    "bicubic",
    "transpose:k2",
    "transpose:k3",
    "transpose:k4",
    "transpose:k6",
    "transpose_parallel:k7",
    "transpose_smooth",
    "subpixel",
    "max_unpool",
    "carafe",
)
RATES = (0.003, 0.006, 0.012, 0.024, 0.048)
STUDY = Study(
    base=EXPERIMENT,
    decoders=tuple(f"{decoder}:lr{rate:g}" for decoder in DECODERS for rate in RATES),
    noise_levels=(0.4,),
    steps=(500,),
    seeds=1,
)
