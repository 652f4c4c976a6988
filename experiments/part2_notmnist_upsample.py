"""Part 2: how well does a decoder that upsamples and convolves denoise letters?

python -m aedenoise.main --experiment=part2_notmnist_upsample

Answer: 20.81 dB from 10.92 dB, test BCE 0.1570 (floor 0.1169), after 5 epochs in 20 s; seed 0;
notmnist/open 2.0.0.
2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-28.
"""

from aedenoise.config import DataConfig, Experiment, ModelConfig

EXPERIMENT = Experiment(
    name="part2_notmnist_upsample",
    model=ModelConfig(decoder="upsample"),
    data=DataConfig(dataset="notmnist"),
)
