"""Net-SURE (NeurIPS 2018): does its small denoiser, trained on clean images, reach 25.36 dB?

python -m aedenoise.main --experiment=net_sure_mse

Answer: PSNR (dB, of the mean error): published 25.36, here 25.43 (1 seed). 2 CPU cores (AMD EPYC),
Python 3.11, jax 0.10.2, 2026-11-24.
"""

from aedenoise.config import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig

# Soltanayev and Chun, "Training deep learning based denoisers without ground truth data", and its
# repository: 55,000 digits, noise of 50/255 drawn once and not clipped, a tenth of the rate after
# 100 of 150 epochs. The figure is of 5,000 other digits; here of the 10,000 of the test set.
EXPERIMENT = Experiment(
    name="net_sure_mse",
    model=ModelConfig(network="net_sure"),
    data=DataConfig(dataset="mnist", train_examples=55_000),
    noise=NoiseConfig(level=50 / 255, clip=False, fresh=False),
    optimizer=OptimizerConfig(
        name="adam", learning_rate=1e-3, schedule="drop", warmup=0.0, b2=0.999
    ),
    loss="mse",
    batch_size=200,
    epochs=150,
)
