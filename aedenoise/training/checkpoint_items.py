"""The items of a checkpoint as trees of arrays: split, joined, and compared with what was saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from aedenoise.errors import CheckpointError
from aedenoise.training.digests import host_leaves, leaf_digests, named_leaves, record_digest

Tree = TypeVar("Tree")
# Trees of arrays by the name of their item.
Items = Mapping[str, Any]
# Fields of a state that inference reads: the parameters, and a GAN's moving average of them.
_INFERENCE = ("params", "average")


class OtherModelError(CheckpointError):
    """A checkpoint whose arrays are not those of the network that is to be restored."""


def split_state(state: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Splits a state into what inference reads and the rest, both by field."""
    fields = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    params = {name: fields.pop(name) for name in _INFERENCE if name in fields}
    return params, fields


def join_state(like: Tree, items: Items) -> Tree:
    """Inverts ``split_state``: joins the items ``params`` and ``state`` to the type of ``like``."""
    joined: Tree = type(like)(**items["params"], **items["state"])
    return joined


def check_matches(stored: Items, like: Items, where: str) -> None:
    """Compares shapes and dtypes of stored items with those that are to be restored.

    Args:
      stored, like: trees of leaves with ``shape`` and ``dtype``.
      where: the checkpoint, for the message.

    Raises:
      OtherModelError: naming the first leaf that differs.
    """
    found, wanted = (
        {name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in _leaves(items).items()}
        for items in (stored, like)
    )
    for path in sorted(found.keys() | wanted.keys()):
        if found.get(path) != wanted.get(path):
            raise OtherModelError(
                f"{where} is of another model: {path} is {found.get(path, 'missing')} there "
                f"and {wanted.get(path, 'missing')} here"
            )


def check_digests(
    items: Items, record: Mapping[str, Any], digests: Mapping[str, Any], where: str
) -> None:
    """Compares restored items and their record with the digests that were saved with them.

    Args:
      items: trees of arrays, of all items or of some.
      record: the record of the run.
      digests: ``state``, a digest by the name of each leaf, and ``record``.
      where: the checkpoint, for the message.

    Raises:
      CheckpointError: if a value is not the one that was saved.
    """
    found = {
        name: digest
        for item in items.values()
        for name, digest in leaf_digests(host_leaves(item)).items()
    }
    changed = sorted(name for name in found if found[name] != digests["state"].get(name))
    if digests["record"] != record_digest(record):
        changed.append("its record")
    if changed:
        raise CheckpointError(
            f"{where} is damaged: {changed[0]} does not match its digest"
            + (f" (and {len(changed) - 1} more)" if len(changed) > 1 else "")
        )


def _leaves(items: Items) -> dict[str, Any]:
    """Joins the leaves of all items; names are unique, since each begins with its field."""
    return {name: leaf for item in items.values() for name, leaf in named_leaves(item).items()}
