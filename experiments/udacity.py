"""Udacity 2018: does its denoiser of three pools reach a training MSE of 0.0261 (15.83 dB)?

python -m aedenoise.main --experiment=udacity
"""

from aedenoise.experiment import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig

# deep-learning-v2-pytorch, Denoising_Autoencoder_Solution: Adam at 1e-3, batches of 20, fresh
# noise. It prints the loss of an image times 20. There the order of images is always the same.
EXPERIMENT = Experiment(
    name="udacity",
    model=ModelConfig(network="udacity"),
    data=DataConfig(dataset="mnist"),
    noise=NoiseConfig(level=0.5),
    optimizer=OptimizerConfig(learning_rate=1e-3, schedule="constant", warmup=0.0, b2=0.999),
    loss="mse",
    batch_size=20,
    epochs=20,
)
