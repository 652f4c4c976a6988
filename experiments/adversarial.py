"""What does a denoiser pay in PSNR for looking real?

python -m aedenoise.main --experiment=adversarial
python -m experiments.adversarial_weights --folder=runs/adversarial-weights

Answer: half a decibel. At weight 0.01 PSNR falls from 21.32 to 20.87 dB; sharpness rises from 0.927
to 0.980 of the clean images', and the Fréchet distance to them falls from 8.15 to 1.41. One seed
(0); 2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-24;
experiments/results/adversarial.md.
"""

from aedenoise.experiment import AdversaryConfig, DataConfig, Experiment, OptimizerConfig

EXPERIMENT = Experiment(
    name="adversarial",
    data=DataConfig(dataset="mnist"),
    adversary=AdversaryConfig(weight=0.01),
    optimizer=OptimizerConfig(learning_rate=2e-3),
)
