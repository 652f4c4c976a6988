"""Which learning rate suits each decoder in a training of 4,000 steps?

python -m experiments.validation notmnist/open      # writes validation/notmnist-open.npz
python -m aedenoise.main --mode=compare --experiment=rates_long
python -m experiments.choose_rates runs/compare-rates_long

Rule, recipe and seed are those of ``rates``; tried are half, once and twice the rate that it found
for 500 steps.
"""

from dataclasses import replace

from experiments import own_rates, rates

# Those that the question is most often about. The others are far from the best after 500 steps, or
# close to one of these; a step of CARAFE takes a CPU five times as long.
DECODERS = (
    "upsample",
    "bilinear",
    "transpose:k3",
    "transpose:k4",
    "transpose_smooth",
    "subpixel",
)
EXPERIMENT = replace(rates.EXPERIMENT, name="rates_long")
STUDY = replace(
    rates.STUDY,
    name="rates_long",
    base=EXPERIMENT,
    decoders=tuple(
        f"{decoder}:lr{float(rate) * factor:g}"
        for decoder, _, rate in (entry.rpartition(":lr") for entry in own_rates.STUDY.decoders)
        if decoder in DECODERS
        for factor in (0.5, 1.0, 2.0)
    ),
    steps=(4000,),
)
