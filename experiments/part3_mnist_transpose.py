"""Part 3: how well does a decoder of transposed convolutions denoise digits?

python -m aedenoise.main --experiment=part3_mnist_transpose
"""

from aedenoise.experiment import DataConfig, Experiment, ModelConfig

EXPERIMENT = Experiment(
    name="part3_mnist_transpose",
    model=ModelConfig(decoder="transpose"),
    data=DataConfig(dataset="mnist"),
    epochs=3,
)
