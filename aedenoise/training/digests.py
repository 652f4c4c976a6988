"""Digests of a training state: what was saved is what comes back, or it is known not to be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of ``tree`` by their path, as ``params/encoder/Conv_0/kernel``."""
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {"/".join(_key_name(key) for key in path): leaf for path, leaf in paths}


def host_leaves(state: Any) -> dict[str, np.ndarray]:
    """The leaves of a replicated ``state`` on the host; each process reads its own copy."""
    return {name: np.asarray(_local(leaf)) for name, leaf in named_leaves(state).items()}


def leaf_digests(leaves: Mapping[str, np.ndarray]) -> dict[str, str]:
    """SHA-256 over dtype, shape and bytes of each leaf."""
    return {
        name: hashlib.sha256(
            f"{leaf.dtype}{list(leaf.shape)}".encode() + np.ascontiguousarray(leaf).tobytes()
        ).hexdigest()
        for name, leaf in leaves.items()
    }


def record_digest(record: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON object, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def first_non_finite(leaves: Mapping[str, np.ndarray]) -> str | None:
    """The name of the first leaf with a value that is not finite."""
    for name, leaf in leaves.items():
        if not np.isfinite(leaf.astype(np.float32)).all():
            return name
    return None


def _local(leaf: Any) -> Any:
    """One device's copy, where the array also lies on devices of other processes."""
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        return leaf.addressable_data(0)
    return leaf


def _key_name(key: Any) -> str:
    """The bare name of a key, whether it stands for a dict's, a class's or a tuple's place."""
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)
