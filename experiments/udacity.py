"""Udacity 2018: does its denoiser of three pools reach a training MSE of 0.0261 (15.83 dB)?

python -m aedenoise.main --experiment=udacity

Answer: training MSE: published 0.02611 (15.83 dB), here 0.02283 ± 0.00564 (16.41 dB) (2 seeds). Of
the eight channels of the code, six stay alive with seed 0 and four with seed 1
(experiments/results/live_channels.md), whose curve is close to the published one. Two seeds do not
show that the number of live channels is the cause. 2 CPU cores (AMD EPYC), Python 3.11, jax
0.10.2, 2026-11-29.
"""

from aedenoise.config import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig

# deep-learning-v2-pytorch, Denoising_Autoencoder_Solution: Adam at 1e-3, batches of 20, fresh
# noise. It prints the loss of an image times 20. There the order of images is always the same.
EXPERIMENT = Experiment(
    name="udacity",
    model=ModelConfig(network="udacity"),
    data=DataConfig(dataset="mnist"),
    noise=NoiseConfig(level=0.5),
    optimizer=OptimizerConfig(
        name="adam", learning_rate=1e-3, schedule="constant", warmup=0.0, b2=0.999
    ),
    loss="mse",
    batch_size=20,
    epochs=20,
)
