"""What a page knows of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RunRecord:
    """What a finished run has written.

    Attributes:
      name: of its folder.
      config, results: the content of ``config.json`` and ``results.json``.
      figures: its PNG files, by name without ending.
      probe: the content of ``probe.json``, if there is one.
    """

    name: str
    config: Mapping[str, Any]
    results: Mapping[str, Any]
    figures: Mapping[str, bytes]
    probe: Mapping[str, Any] | None = None
