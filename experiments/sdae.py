"""Does a stacked denoising autoencoder, fine-tuned, reach 98.6 % on MNIST?

python -m aedenoise.main --experiment=sdae
python -m aedenoise.main --mode=probe --workdir=runs/sdae

Answer: 98.77 % [98.53, 98.97]; logistic regression on the code reaches 96.23 %, on the pixels
92.63 % (Vincent et al. 2010: 98.72 % with three layers). With --dataset=notmnist 95.89 %, 94.56 %,
93.92 %; with --dataset=notmnist/small 93.20 %, 91.27 %, 89.27 % (Bulatov 2011: 89 %). One seed (0);
2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-24; experiments/results/probe/.
"""

from aedenoise.config import DataConfig, Experiment, ModelConfig, NoiseConfig, OptimizerConfig

# Three layers and 25 % of the pixels masked as in Vincent et al. 2010; there with sigmoids, and a
# hundred times the epochs.
EXPERIMENT = Experiment(
    name="sdae",
    model=ModelConfig(network="mlp", hidden=(1000, 1000), code_size=500),
    data=DataConfig(dataset="mnist"),
    noise=NoiseConfig(kind="masking", level=0.25),
    optimizer=OptimizerConfig(name="adam", learning_rate=1e-3),
    batch_size=128,
    epochs=5,
    greedy_epochs=1,
)
