"""SHA-256 digests of a training state, by which damaged checkpoints are detected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np


def named_leaves(tree: Any) -> dict[str, Any]:
    """Returns the leaves of ``tree`` by path, such as ``params/encoder/Conv_0/kernel``."""
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {"/".join(_key_name(key) for key in path): leaf for path, leaf in paths}


def host_leaves(state: Any) -> dict[str, np.ndarray]:
    """Fetches the leaves of a replicated ``state``; each process reads its own copy."""
    return {name: np.asarray(_local(leaf)) for name, leaf in named_leaves(state).items()}


def leaf_digests(leaves: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Computes the SHA-256 digest over dtype, shape and bytes of each leaf."""
    # Dtype and shape are included because a reshaped or reinterpreted array has the same bytes.
    return {
        name: hashlib.sha256(
            f"{leaf.dtype}{list(leaf.shape)}".encode() + np.ascontiguousarray(leaf).tobytes()
        ).hexdigest()
        for name, leaf in leaves.items()
    }


def record_digest(record: Mapping[str, Any]) -> str:
    """Computes the SHA-256 digest of a JSON object, independent of key order."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def params_digest(params: Any) -> str:
    """Computes the SHA-256 digest of parameters: names, types, shapes and values."""
    return record_digest(leaf_digests(host_leaves(params)))


def first_non_finite(leaves: Mapping[str, np.ndarray]) -> str | None:
    """Returns the name of the first leaf with a non-finite value, or None."""
    for name, leaf in leaves.items():
        if not np.isfinite(leaf.astype(np.float32)).all():
            return name
    return None


def _local(leaf: Any) -> Any:
    """Returns one device's copy of an array that spans several processes."""
    # ``np.asarray`` raises for arrays with shards on other hosts, even when replicated.
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        return leaf.addressable_data(0)
    return leaf


def _key_name(key: Any) -> str:
    """Returns the bare name of a path entry: a dict key, a field, or a tuple index."""
    # JAX has one class per kind of entry, and ``str`` of each adds brackets or a dot.
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)
