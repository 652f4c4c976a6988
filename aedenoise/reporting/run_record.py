"""Record of a run, the input of a report page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RunRecord:
    """Files written by a finished run.

    Attributes:
      name: name of its folder.
      config, results: contents of ``config.json`` and ``results.json``.
      figures: PNG files by name without extension.
      probe: content of ``probe.json``, or None.
    """

    name: str
    config: Mapping[str, Any]
    results: Mapping[str, Any]
    figures: Mapping[str, bytes]
    probe: Mapping[str, Any] | None = None
