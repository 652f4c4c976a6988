"""Which network is packed for photographs, and how good is it?

python -m experiments.photographs photographs --grey --root=wallpapers     # see there
python -m aedenoise.main --experiment=packed_photos
python -m experiments.pack --run=runs/packed_photos --name=photos    # into the package
python -m experiments.pictures --update

Answer: experiments/results/pictures.md has PSNR on pictures of no training, next to classical
denoisers that are told the noise level.
"""

from aedenoise.config import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig

# Grey: of a colour picture each channel is denoised by itself. Three stages with skip connections
# see 64 pixels around each, at a third of the multiply-adds of a plain network of that width.
EXPERIMENT = Experiment(
    name="packed_photos",
    model=ModelConfig(
        encoder_features=(24, 48, 96),
        decoder_features=(96, 48, 24),
        skip="concat",
        convs=2,
        residual=True,
    ),
    data=DataConfig(dataset="folder:photographs", fit="patches", turned=True, image_size=64),
    noise=NoiseConfig(kind="poisson_gaussian", level=0.0, level_max=0.3),
    optimizer=OptimizerConfig(name="muon", learning_rate=0.006),
    # Squared errors would leave faint noise to chance: strong noise has most of them.
    loss="charbonnier",
    batch_size=32,
    epochs=12,
)
