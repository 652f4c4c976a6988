"""Does a stacked denoising autoencoder, fine-tuned, reach 98.6 % on MNIST?

python -m aedenoise.main --experiment=sdae
python -m aedenoise.main --mode=probe --workdir=runs/sdae
"""

from aedenoise.experiment import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig

# Three layers and 25 % of the pixels masked as in Vincent et al. 2010; there with sigmoids, and a
# hundred times the epochs.
EXPERIMENT = Experiment(
    name="sdae",
    model=ModelConfig(network="mlp", hidden=(1000, 1000), code_size=500),
    data=DataConfig(dataset="mnist"),
    noise=NoiseConfig(kind="masking", level=0.25),
    optimizer=OptimizerConfig(learning_rate=1e-3),
    batch_size=128,
    epochs=5,
    greedy_epochs=1,
)
