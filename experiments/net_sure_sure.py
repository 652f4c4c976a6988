"""Net-SURE (NeurIPS 2018): and without any clean image, by Stein's estimate?

python -m aedenoise.main --experiment=net_sure_sure

Answer: PSNR (dB, of the mean error): published 25.36 after 150 epochs, here 25.42 after 90 (1
seed). Without a clean image it is there before its rate drops. 2 CPU cores (AMD EPYC), Python 3.11,
jax 0.10.2, 2026-11-24.
"""

from dataclasses import replace

from . import net_sure_mse

EXPERIMENT = replace(net_sure_mse.EXPERIMENT, name="net_sure_sure", loss="sure")
