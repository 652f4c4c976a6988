"""Nested records as one level of names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"model": {"stride": 2}}`` as ``{"model.stride": 2}``; lists as ``32, 32``."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            listed = isinstance(value, (list, tuple))
            found[prefix + key] = ", ".join(map(str, value)) if listed else value
    return found
