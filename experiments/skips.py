"""Do skip connections change which decoder is better? On photographs, at equal parameters.

python -m experiments.photographs photographs --grey --root=wallpapers     # see there
python -m aedenoise.main --mode=compare --experiment=skips
"""

from aedenoise.config import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig
from aedenoise.config.study import Study

# Three stages: a code of half the image's numbers, which cannot carry every pixel.
EXPERIMENT = Experiment(
    name="skips",
    model=ModelConfig(encoder_features=(32, 32, 32), decoder_features=(32, 32, 32)),
    data=DataConfig(dataset="folder:photographs", fit="crop", image_size=32, test_examples=1000),
    noise=NoiseConfig(level=0.1),
    loss="mse",
    optimizer=OptimizerConfig(name="muon", learning_rate=0.006),
)
STUDY = Study(
    base=EXPERIMENT,
    decoders=(
        "upsample",
        "upsample:add",
        "upsample:concat",
        "bilinear",
        "bilinear:concat",
        "transpose:k4",
        "transpose:k4:concat",
        "subpixel",
        "subpixel:concat",
    ),
    noise_levels=(0.05, 0.25),
    steps=(1000,),
    seeds=6,
)
