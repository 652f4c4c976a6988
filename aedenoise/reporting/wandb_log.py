"""Weights & Biases, for those who use it: whatever fails there, the run goes on without it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


class WandbLog:
    """One run in a project of Weights & Biases; a run that goes on is the same there.

    Args:
      project: its name there.
      name: of the run.
      config: its settings.
      identity: the file with the run's name there, so that a run that goes on is the same.
      notify: gets one line where it cannot be used, or fails later.
    """

    def __init__(
        self,
        project: str,
        name: str,
        config: Mapping[str, Any],
        identity: Path,
        notify: Callable[[str], None],
    ) -> None:
        self._notify = notify
        self._run: Any = None
        self._step = 0
        try:
            self._wandb = importlib.import_module("wandb")
            known = identity.read_text("utf-8") if identity.exists() else ""
            own = known or self._wandb.util.generate_id()
            self._run = self._wandb.init(
                project=project,
                name=name,
                id=own,
                resume="allow",
                config=dict(config),
                dir=str(identity.parent),
                settings=self._wandb.Settings(silent=True, console="off"),
            )
            identity.write_text(own, "utf-8")
        except ImportError:
            notify("--wandb is left out: Weights & Biases is not installed (pip install wandb)")
        except Exception as error:
            self._give_up(error)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Sends ``values``, named like ``train/loss``, for ``step``."""
        self._send(step, dict(values))

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Sends ``image``, uint8 ``[H, W]`` or ``[H, W, 3]``."""
        if self._run is not None:
            self._send(step, {name: self._wandb.Image(image)})

    def close(self, exit_code: int) -> None:
        """Ends the run there; ``exit_code`` is 0 where it is finished."""
        if self._run is not None:
            try:
                self._run.finish(exit_code=exit_code)
            except Exception as error:
                self._give_up(error)

    def _send(self, step: int, values: dict[str, Any]) -> None:
        if self._run is not None:
            # It drops what comes for an earlier step, as the news of a spike does.
            self._step = max(step, self._step)
            if step < self._step:
                values |= {"of_step": step}
            try:
                self._run.log(values, step=self._step)
            except Exception as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._run = None
        reason = " ".join(str(error).split())[:200]
        self._notify(f"--wandb is left out from here on: {type(error).__name__}: {reason}")
