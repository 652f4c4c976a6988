"""Does the whole loop run? Seconds long: a tiny network on a few real letters.

python -m aedenoise.main --experiment=debug
"""

from aedenoise.experiment import DataConfig, Experiment, ModelConfig

EXPERIMENT = Experiment(
    name="debug",
    model=ModelConfig(encoder_features=(8, 8), decoder_features=(8, 8)),
    data=DataConfig(dataset="notmnist", train_examples=1000, test_examples=300),
    batch_size=64,
    epochs=4,
)
