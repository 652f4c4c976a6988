"""Can notmnist/open stand in for notMNIST? A denoiser trained on it, tried on the real letters.

python -m aedenoise.main --experiment=likeness
python -m aedenoise.main --experiment=likeness --dataset=notmnist/small --workdir=runs/likeness_real
and then, with --manual_dir=DIR where DIR holds notMNIST_small.tar.gz, for both workdirs:
python -m aedenoise.main --mode=eval --workdir=runs/likeness --dataset=notmnist/small

Answer: yes.
"""

from aedenoise.experiment import DataConfig, Experiment

# As many images, so as many steps, from either set.
EXPERIMENT = Experiment(
    name="likeness",
    data=DataConfig(dataset="notmnist/open", train_examples=15_400),
    epochs=10,
)
