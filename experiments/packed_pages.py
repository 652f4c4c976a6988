"""Which network is packed for scanned pages, and do programs read its results better?

python -m experiments.scans scans --pages=400
python -m aedenoise.main --experiment=packed_pages
python -m experiments.pack --run=runs/packed_pages --name=pages    # into the package
python -m experiments.scans test test-scans
python -m aedenoise.main denoise --input=test-scans/noisy --output=test-scans/denoised
python -m experiments.ocr test-scans --restored=test-scans/denoised
"""

from dataclasses import replace

from aedenoise.config import DataConfig, NoiseConfig, OptimizerConfig
from aedenoise.config.noise import RECORDED
from experiments.packed_photos import EXPERIMENT as PHOTOS

# Pages are nearly black and white, which a sigmoid reaches; an estimate of the noise instead, with
# absolute errors, diverged.
EXPERIMENT = replace(
    PHOTOS,
    name="packed_pages",
    model=replace(PHOTOS.model, residual=False),
    loss="bce",
    data=DataConfig(dataset="pairs:scans/noisy,scans/clean", fit="patches", image_size=64),
    noise=NoiseConfig(kind=RECORDED, level=0.0, clip=False),
    optimizer=OptimizerConfig(name="muon", learning_rate=0.006),
    epochs=4,
)
