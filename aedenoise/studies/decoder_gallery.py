"""``--mode=artifacts``: checkerboard artifacts of all untrained decoders in one figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import DECODERS, Experiment, ModelConfig
from aedenoise.errors import StorageError, UsageError
from aedenoise.evaluation.checkerboard import constant_response
from aedenoise.metrics import checkerboard
from aedenoise.models import build_autoencoder
from aedenoise.models.overlap import overlap_map
from aedenoise.ops.noise import Noisy
from aedenoise.reporting.console import say
from aedenoise.reporting.figures import artifacts_figure
from aedenoise.training.memory import check_memory

_IMAGES = 8
_MOST_PIXELS = 2048
_TITLES = {"overlap": "overlap of kernels", "constant": "untrained, constant code"}


def decoder_gallery(config: ModelConfig, seed: int, path: Path) -> None:
    """Prints and draws the unevenness of each decoder's kernel overlap and untrained response.

    Widths, kernel, stride and number of stages are those of ``config``. The response is to a
    spatially constant code, the mean code of white noise, over 7 x 7 code positions.

    Args:
      config: model that all decoders share, except for the decoder itself.
      seed: seed of parameters and noise.
      path: output figure (PNG).

    Raises:
      StorageError: if the figure cannot be written.
    """
    size = 7 * config.downsampling
    if size > _MOST_PIXELS:
        raise UsageError(
            f"{config.stages} stages of stride {config.stride} have a period of {size // 7} "
            "pixels, too large to draw; use fewer"
        )
    check_memory(Experiment(model=config, batch_size=_IMAGES), (size, size, 1))
    image = jax.random.uniform(jax.random.key(seed), (_IMAGES, size, size, 1))
    noisy = Noisy(image, jnp.zeros(_IMAGES))
    rows: dict[str, dict[str, np.ndarray]] = {}
    say(f"{'uneven, (max - min) / mean':<28}{'overlap':>10}{'response':>10}")
    for name, variant in _variants(config):
        model = build_autoencoder(variant, lowering="plain")
        params: Any = model.init(jax.random.key(seed), *noisy)["params"]
        response = np.asarray(constant_response(model, params, noisy, variant.stride))[0, :, :, 0]
        overlap = overlap_map(variant.decoder_layers, 7)
        # Excludes two code positions per side, where padding shows.
        border = 2 * config.downsampling
        measured = [checkerboard.unevenness(picture, border) for picture in (overlap, response)]
        say(f"{name:<28}{measured[0]:>10.3f}{measured[1]:>10.3f}")
        rows[name] = {"overlap": overlap, "constant": response}
    try:
        artifacts_figure(path, rows=rows, titles=_TITLES)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; name a --workdir") from error
    say(f"figure: {path}")


def _variants(config: ModelConfig) -> Iterator[tuple[str, ModelConfig]]:
    """Yields every decoder that is possible with the widths of ``config``, with its variants."""
    base = replace(config, decoder="upsample", order="conv_resize", tail=True, icnr=True)
    for decoder in DECODERS:
        try:
            variant = replace(base, decoder=decoder)
        except UsageError:  # this decoder cannot have these widths
            continue
        yield decoder, variant
        if decoder == "upsample":
            yield f"{decoder} resize_conv", replace(variant, order="resize_conv")
        if decoder == "subpixel":
            yield f"{decoder} noicnr", replace(variant, icnr=False)
        if decoder == "transpose":
            yield f"{decoder} notail", replace(variant, tail=False)
            for kernel in (2, 4, 5, 6):
                if kernel != base.kernel_size:
                    yield f"{decoder} k{kernel}", replace(variant, kernel_size=kernel)
