"""A plain autoencoder: what does its code of 32 numbers keep of a digit?

python -m aedenoise.main --experiment=mlp_basic
python -m aedenoise.main --mode=probe --workdir=runs/mlp_basic
"""

from aedenoise.experiment import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig

EXPERIMENT = Experiment(
    name="mlp_basic",
    model=ModelConfig(network="mlp", hidden=(512, 256), code_size=32),
    data=DataConfig(dataset="mnist"),
    noise=NoiseConfig(kind="none"),
    optimizer=OptimizerConfig(learning_rate=1e-3),
    batch_size=128,
    epochs=10,
)
