"""How much does one network for all noise levels lose against one trained at each level?

python -m aedenoise.main --experiment=blind
python -m aedenoise.main --mode=robustness --dataset=mnist --workdir=runs/single \\
    --train_noises=gaussian:0.2,gaussian:0.3,gaussian:0.4,gaussian:0.5,gaussian:0.6
python -m experiments.blind_levels --blind=runs/blind --single=runs/single

Answer: it loses 0.40 at 0.2, 0.07 at 0.3, 0.09 at 0.4, 0.23 at 0.5, 0.38 at 0.6 (dB; 5 epochs each,
1 seed). It estimates the level; given the true level, it is at most 0.03 dB better. Without
level_power and without the level as input, the same training loses 1.07 dB at 0.2
(experiments/results/robustness.json).
2 CPU cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-24; experiments/results/blind.json.
"""

from aedenoise.config import ADAM, DataConfig, Experiment, ModelConfig, NoiseConfig

# Training feeds the true level; inference estimates it.
EXPERIMENT = Experiment(
    name="blind",
    model=ModelConfig(condition="noise_level"),
    data=DataConfig(dataset="mnist"),
    noise=NoiseConfig(level=0.2, level_max=0.6),
    optimizer=ADAM,
    level_power=2.5,
)
