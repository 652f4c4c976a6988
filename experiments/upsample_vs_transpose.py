"""Which decoder denoises better, and which leaves checkerboards, at equal parameters?

python -m aedenoise.main --mode=compare --experiment=upsample_vs_transpose
"""

from aedenoise.experiment import DataConfig, Experiment
from aedenoise.study.design import Study

# The default network and recipe. 2,000 test images are enough: decoders are compared on the same.
EXPERIMENT = Experiment(
    name="upsample_vs_transpose", data=DataConfig(dataset="notmnist/open", test_examples=2000)
)
STUDY = Study(
    base=EXPERIMENT,
    decoders=("upsample", "bilinear", "transpose:k3", "transpose:k4", "subpixel"),
    datasets=("notmnist/open", "mnist"),
    noise_levels=(0.2, 0.4),
    matches=("parameters",),
    steps=(1000,),
    seeds=8,
)
