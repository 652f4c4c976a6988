"""How much does one network for all levels lose against one trained at the level it is tested at?

python -m aedenoise.main --experiment=blind
python -m aedenoise.main --mode=robustness --dataset=mnist --workdir=runs/single \\
    --train_noises=gaussian:0.2,gaussian:0.3,gaussian:0.4,gaussian:0.5,gaussian:0.6
python -m experiments.blind_levels --blind=runs/blind --single=runs/single

"""

from aedenoise.experiment import DataConfig, Experiment, ModelConfig, NoiseConfig

# The default recipe. The network is told the level while it trains; afterwards it guesses it.
EXPERIMENT = Experiment(
    name="blind",
    model=ModelConfig(condition="noise_level"),
    data=DataConfig(dataset="mnist"),
    noise=NoiseConfig(level=0.2, level_max=0.6),
    level_power=2.5,
)
