"""Net-SURE (NeurIPS 2018): and without any clean image, by Stein's estimate?

python -m aedenoise.main --experiment=net_sure_sure
"""

from dataclasses import replace

from . import net_sure_mse

EXPERIMENT = replace(net_sure_mse.EXPERIMENT, name="net_sure_sure", loss="sure")
