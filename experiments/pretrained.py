"""Which denoiser of letters is in the package, and how good is it?

python -m aedenoise.main --experiment=pretrained
python -m experiments.pack --run=runs/pretrained --name=letters    # into the package

Answer: aedenoise/inference/files/letters.json has its digest, and PSNR and SSIM on the test
digits and letters at four noise levels.
"""

from aedenoise.config import ADAM, DataConfig, Experiment, ModelConfig, NoiseConfig

# Digits and letters, a network twice as wide as usual, and noise of any level up to strong.
EXPERIMENT = Experiment(
    name="pretrained",
    model=ModelConfig(encoder_features=(64, 64), decoder_features=(64, 64)),
    data=DataConfig(dataset="mnist+notmnist"),
    noise=NoiseConfig(level=0.05, level_max=0.6),
    optimizer=ADAM,
    epochs=8,
)
