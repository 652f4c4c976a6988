"""What does a denoiser pay in PSNR for looking real?

python -m aedenoise.main --experiment=adversarial
python -m aedenoise.main --experiment=adversarial --adversarial_weight=0 --workdir=runs/real-0
python -m experiments.generators --denoisers=runs/real-0,runs/adversarial
"""

from aedenoise.experiment import AdversaryConfig, DataConfig, Experiment, OptimizerConfig

EXPERIMENT = Experiment(
    name="adversarial",
    data=DataConfig(dataset="mnist"),
    adversary=AdversaryConfig(weight=0.01),
    optimizer=OptimizerConfig(learning_rate=2e-3),
)
