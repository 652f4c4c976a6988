"""Raschka 2017: does the network that upsamples, without noise, reach a training BCE of 0.083?

python -m aedenoise.main --experiment=raschka_upsample

Answer: training BCE: published 0.0830, here 0.0829 ± 0.0017 (5 seeds). 2 CPU cores (AMD EPYC),
Python 3.11, jax 0.10.2, 2026-11-24.
"""

from aedenoise.config import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig

# deeplearning-models, ae-conv-nneighbor (TensorFlow 1): Adam at 1e-3, batch 128, five epochs.
EXPERIMENT = Experiment(
    name="raschka_upsample",
    model=ModelConfig(
        decoder="upsample",
        order="resize_conv",
        encoder_features=(8, 4),
        decoder_features=(8, 8),
        initializer="glorot",
    ),
    data=DataConfig(dataset="mnist"),
    noise=NoiseConfig(kind="none"),
    optimizer=OptimizerConfig(
        name="adam", learning_rate=1e-3, schedule="constant", warmup=0.0, b2=0.999
    ),
    batch_size=128,
    epochs=5,
)
