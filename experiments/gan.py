"""Can the decoders make digits of nothing, and does the grid of transposed convolutions show?

python -m aedenoise.main --experiment=gan
python -m aedenoise.main --experiment=gan --decoder=transpose --workdir=runs/gan-transpose
python -m aedenoise.main --experiment=gan --decoder=subpixel --workdir=runs/gan-subpixel
python -m experiments.generators --runs=runs/gan,runs/gan-transpose,runs/gan-subpixel
"""

from aedenoise.experiment import GAN_DEFAULTS, Experiment, replace

EXPERIMENT = replace(Experiment(name="gan", epochs=8), {**GAN_DEFAULTS, "data.dataset": "mnist"})
