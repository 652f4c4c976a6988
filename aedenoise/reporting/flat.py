"""Flattening of nested records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens ``{"model": {"stride": 2}}`` to ``{"model.stride": 2}``, lists to ``32, 32``."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            listed = isinstance(value, (list, tuple))
            found[prefix + key] = ", ".join(map(str, value)) if listed else value
    return found
