"""Conversion of parameters to the bytes of a ``.npz`` file, and back."""

from __future__ import annotations

import io
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.training.task import Params


def packed(params: Params) -> bytes:
    """Returns a compressed ``.npz`` of the parameters, named like ``encoder/conv0/kernel``."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    arrays: dict[str, Any] = {
        "/".join(str(key.key) for key in path): np.asarray(leaf) for path, leaf in leaves
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def unpacked(content: bytes) -> Params:
    """Inverts ``packed``.

    Raises:
      ValueError, OSError, zipfile.BadZipFile: if ``content`` is not such a file.
    """
    params: dict[str, Any] = {}
    # The file may come from anywhere: unpickling it could run code.
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for path in arrays.files:
            *parts, leaf = path.split("/")
            place = params
            try:
                for part in parts:
                    place = place.setdefault(part, {})
                place[leaf] = jnp.asarray(arrays[path])
            except (AttributeError, TypeError) as error:
                raise ValueError(f"{path} is no parameter") from error
    return params
