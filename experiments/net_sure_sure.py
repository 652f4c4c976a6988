"""Net-SURE (NeurIPS 2018): does it reach 25.36 dB without any clean image, by Stein's estimate?

python -m aedenoise.main --experiment=net_sure_sure

Answer: PSNR (dB, of the mean error): published 25.36 after 150 epochs, here 25.42 after 90 (1
seed), before its learning rate drops, with the terms of the estimate at the noisy image. 2 CPU
cores (AMD EPYC), Python 3.11, jax 0.10.2, 2026-11-24.
"""

from dataclasses import replace

from . import net_sure_mse

EXPERIMENT = replace(net_sure_mse.EXPERIMENT, name="net_sure_sure", loss="sure")
