"""Which network is packed for photographs in colour, and how good is it?

python -m experiments.photographs photographs --root=wallpapers     # see there
python -m aedenoise.main --experiment=packed_photos_colour
python -m experiments.pack --run=runs/packed_photos_colour --name=photos_colour
python -m experiments.pictures --update

Answer: experiments/results/pictures.md has PSNR on pictures of no training, next to classical
denoisers that are told the noise level.
"""

from dataclasses import replace

from aedenoise.config import OptimizerConfig
from experiments.packed_photos import EXPERIMENT as GREY

# At the rate of the grey network the loss rises again after 500 steps.
EXPERIMENT = replace(
    GREY,
    name="packed_photos_colour",
    optimizer=OptimizerConfig(name="muon", learning_rate=0.002),
    epochs=14,
)
