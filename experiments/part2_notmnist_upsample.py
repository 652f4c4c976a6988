"""Part 2: how well does a decoder that upsamples and convolves denoise letters?

python -m aedenoise.main --experiment=part2_notmnist_upsample
"""

from aedenoise.experiment import DataConfig, Experiment, ModelConfig

EXPERIMENT = Experiment(
    name="part2_notmnist_upsample",
    model=ModelConfig(decoder="upsample"),
    data=DataConfig(dataset="notmnist"),
)
