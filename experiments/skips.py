"""Do skip connections change which decoder is better? On photographs, at equal parameters.

python -m experiments.photographs photographs --grey --root=wallpapers     # see there
python -m aedenoise.main --mode=compare --experiment=skips
"""

from aedenoise.config import DataConfig, Experiment, NoiseConfig
from aedenoise.config.study import Study

EXPERIMENT = Experiment(
    name="skips",
    data=DataConfig(dataset="folder:photographs", fit="crop", image_size=32, test_examples=1000),
    noise=NoiseConfig(level=0.1),
    loss="mse",
)
STUDY = Study(
    base=EXPERIMENT,
    decoders=(
        "upsample",
        "upsample:add",
        "upsample:concat",
        "upsample:concat:residual",
        "bilinear",
        "bilinear:concat",
        "transpose:k4",
        "transpose:k4:concat",
    ),
    steps=(1000,),
    seeds=4,
)
