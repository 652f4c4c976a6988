"""How much PSNR does a denoiser lose if it is trained to look real?

python -m aedenoise.main --experiment=adversarial
python -m experiments.adversarial_weights --folder=runs/adversarial-weights

Answer: little at first, then more. PSNR falls from 21.32 dB to 21.23, 20.87 and 20.66 dB at
weights 0.003, 0.01 and 0.03. Sharpness rises from 0.927 of the clean images' to 0.951, 0.980 and
0.995, and the Fréchet distance to them falls from 8.15 to 3.51, 1.41 and 0.92. One seed (0); 2 CPU
cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-25; experiments/results/adversarial.md.
"""

from aedenoise.config import AdversaryConfig, DataConfig, Experiment, OptimizerConfig

EXPERIMENT = Experiment(
    name="adversarial",
    data=DataConfig(dataset="mnist"),
    adversary=AdversaryConfig(weight=0.01),
    optimizer=OptimizerConfig(name="adam", learning_rate=2e-3),
)
