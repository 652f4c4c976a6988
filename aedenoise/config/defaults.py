"""Settings that a network or a dataset brings, where no flag says otherwise."""

from __future__ import annotations

from typing import Any

from aedenoise.config.noise import NO_NOISE, RECORDED

# Further settings of ``--model=gan`` where no flag says otherwise. With momentum the two networks
# circle around each other (Mescheder et al. 2018); with larger kernels the first images saturate
# the sigmoid, which has no gradient there.
GAN_DEFAULTS: dict[str, Any] = {
    "model.network": "gan",
    "model.initializer": "glorot",
    "model.hidden": (1024,),
    "noise.kind": NO_NOISE,
    "optimizer.name": "adam",
    "optimizer.learning_rate": 1e-3,
    "optimizer.schedule": "constant",
    "optimizer.warmup": 0.0,
    "optimizer.b1": 0.0,
    "optimizer.b2": 0.99,
}
# Further settings of ``--dataset=pairs:NOISY,CLEAN`` where no flag says otherwise.
PAIRS_DEFAULTS: dict[str, Any] = {
    "data.fit": "patches",
    "noise.kind": RECORDED,
    "noise.level": 0.0,
    "noise.clip": False,
}
# Further settings of ``--dataset=noisy:DIR`` where no flag says otherwise.
NOISY_DEFAULTS: dict[str, Any] = {
    "data.fit": "crop",
    "noise.kind": RECORDED,
    "noise.level": 0.0,
    "noise.clip": False,
    "loss": "noise2self",
}
