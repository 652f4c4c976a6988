"""Checks of values that a user gave, for the dataclasses that describe a run."""

from __future__ import annotations

from aedenoise.errors import UsageError, nearest


def check_known(what: str, value: str, known: tuple[str, ...]) -> None:
    """Raises ``UsageError`` with the nearest known name if ``value`` is none of them."""
    if value not in known:
        raise UsageError(f"unknown {what} {value!r}; {nearest(value, known)}")


def check_positive(**values: int) -> None:
    """Raises ``UsageError`` naming the first value below 1."""
    for name, value in values.items():
        if value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}")
