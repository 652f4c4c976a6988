"""Do skip connections change which decoder is better? On photographs, at equal parameters.

python -m experiments.photographs photographs --grey --root=wallpapers     # see there
python -m aedenoise.main --mode=compare --experiment=skips

Answer: skip connections matter, the decoder hardly does. At noise 0.05 a concatenation adds 1.48 dB
[0.48, 2.47] to nearest upsampling, and 1.1 to 1.2 dB to the other decoders over nearest upsampling
without one; a sum adds 0.49 dB [0.16, 0.83] without any parameter. Without skip connections no
other decoder clearly differs from nearest upsampling. 4 seeds (0 to 3), 1,000 steps;
experiments/results/skips/. 2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-29.
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
    noise_levels=(0.05,),
    steps=(1000,),
    seeds=4,
)
