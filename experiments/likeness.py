"""Can notmnist/open replace notMNIST? A denoiser trained on it, tested on the real letters.

python -m aedenoise.main --experiment=likeness
python -m aedenoise.main --experiment=likeness --dataset=notmnist/small --workdir=runs/likeness_real
and then, with --manual_dir=DIR where DIR holds notMNIST_small.tar.gz, for both workdirs:
python -m aedenoise.main --mode=eval --workdir=runs/likeness --dataset=notmnist/small

Answer: yes. On the test fonts of the real small archive it reaches 20.16 dB, and the network
trained on the archive's own training fonts 20.23 dB, 0.07 dB more. One seed (0); 2 CPU cores (AMD
EPYC), Python 3.11, jax 0.10.2, 2026-11-23; notmnist/open 2.0.0, digest 88c069bcd4cf.
"""

from aedenoise.config import ADAM, DataConfig, Experiment

# As many images, so as many steps, from either set.
EXPERIMENT = Experiment(
    name="likeness",
    data=DataConfig(dataset="notmnist/open", train_examples=15_400),
    optimizer=ADAM,
    epochs=10,
)
