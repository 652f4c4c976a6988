"""Optional logging to Weights & Biases. Failures there never stop a run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


class WandbLog:
    """Run in a Weights & Biases project; a resumed run continues there, too.

    Args:
      project: project name.
      name: run name.
      config: settings of the run.
      identity: file that keeps the run's id, so that it can be resumed.
      notify: receives one line if the service is unavailable or fails later.
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
            # Imported late: an optional dependency that takes seconds to load.
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
            notify("--wandb is ignored: Weights & Biases is not installed (pip install wandb)")
        # Any exception: the library raises its own types, and logging must not stop training.
        except Exception as error:
            self._give_up(error)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Sends ``values``, with names such as ``train/loss``, for ``step``."""
        self._send(step, dict(values))

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Sends ``image``, uint8 ``[H, W]`` or ``[H, W, 3]``."""
        if self._run is not None:
            self._send(step, {name: self._wandb.Image(image)})

    def close(self, exit_code: int) -> None:
        """Closes the run there; ``exit_code`` is 0 if training finished."""
        if self._run is not None:
            try:
                self._run.finish(exit_code=exit_code)
            except Exception as error:
                self._give_up(error)

    def _send(self, step: int, values: dict[str, Any]) -> None:
        if self._run is not None:
            # The service drops values of an earlier step, such as a loss spike reported late.
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
        self._notify(f"--wandb is ignored from here on: {type(error).__name__}: {reason}")
