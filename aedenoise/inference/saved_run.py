"""Read-only access to a run's configuration and checkpoints, without its data."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from typing import Any

from aedenoise.config import Experiment
from aedenoise.config.validation import local_path
from aedenoise.errors import CheckpointError, UsageError
from aedenoise.inference.intervals import Calibration, restore
from aedenoise.reporting.console import warn
from aedenoise.training.checkpoint_place import find_checkpoints
from aedenoise.training.checkpoints import Checkpoints, Restored
from aedenoise.training.digests import params_digest
from aedenoise.training.sharding import make_executor
from aedenoise.training.task import Params
from aedenoise.training.workdir import Workdir


@dataclass(frozen=True)
class SavedRun:
    """Run with checkpoints, as recorded in its workdir.

    Attributes:
      folder: the workdir.
      experiment: configuration of its training.
      image_shape: shape ``[H, W, C]`` of its training images.
      checkpoint_dir: folder of its checkpoints, if it is not the one that the workdir knows.
    """

    folder: Workdir
    experiment: Experiment
    image_shape: tuple[int, int, int]
    checkpoint_dir: str | None = None

    def restore_params(self, like: dict[str, Any], checkpoint: str) -> Restored[dict[str, Any]]:
        """Restores the parameters of a checkpoint, see ``Checkpoints.restore_params``.

        A damaged checkpoint that is passed over is a line on stderr.

        Args:
          like: ``{"params": tree}`` of ``jax.ShapeDtypeStruct``; for a GAN also ``"average"``.
          checkpoint: ``newest``, ``best`` or a step.

        Raises:
          CheckpointError: if there is no readable checkpoint.
        """
        place = find_checkpoints(self.folder, self.checkpoint_dir)
        with Checkpoints(place, read_only=True, notify=warn) as checkpoints:
            # Placed on the devices of this machine, not on those that wrote the checkpoint.
            placed = make_executor("jit").abstract(like)
            return checkpoints.restore_params(placed, checkpoints.choose(checkpoint))


def read_run(
    workdir: str | PathLike[str], *, gan: bool = False, checkpoint_dir: str | None = None
) -> SavedRun:
    """Reads the run in a workdir.

    Args:
      workdir: folder of the run.
      gan: expects a GAN instead of a denoiser.
      checkpoint_dir: folder of its checkpoints; None: the one that the workdir knows.

    Raises:
      CheckpointError: if there is no run.
      UsageError: if the run is of the other kind.
    """
    folder = Workdir(local_path("workdir", workdir))
    experiment = folder.read_experiment()
    if gan != (experiment.model.network == "gan"):
        other = "a denoiser, which cannot generate images; this needs a GAN"
        own = "a GAN, which cannot denoise; use --mode=sample or aedenoise.load_generator()"
        raise UsageError(f"{folder.path} holds {other if gan else own}")
    return SavedRun(folder, experiment, folder.image_shape, checkpoint_dir)


def describe_loss_of_quality(folder: Workdir) -> str:
    """Returns a warning if the run made its own test images worse, else an empty string."""
    with suppress(OSError, ValueError, RecursionError, KeyError, TypeError):
        results = json.loads(folder.results.read_text(encoding="utf-8"))
        blind = "estimates" in results
        key = "psnr_estimate" if blind else "psnr"
        after = float(results["estimates" if blind else "eval"][key])
        before = float(results["noisy"][key])
        if after < before:
            return (
                f"the network of {folder.path} makes its own test images worse, from "
                f"{before:.2f} to {after:.2f} dB; train it longer before use"
            )
    return ""


def describe_unfinished(folder: Workdir, step: int) -> str:
    """Returns a warning if the training of a run has not ended, else an empty string.

    Args:
      folder: workdir of the run.
      step: number of updates of the network in use.
    """
    if folder.results.is_file():
        return ""
    total = ""
    with suppress(OSError, ValueError, RecursionError, KeyError, TypeError, CheckpointError):
        total = f" of {int(folder.read_config()['total_steps']):,}"
    return (
        f"the training of {folder.path} is unfinished, at step {step:,}{total}: the result may be "
        "poor; the command that began it goes on"
    )


def read_calibration(folder: Workdir, params: Params) -> Calibration | None:
    """Reads ``calibration.json``; returns None if it is missing, damaged or of other parameters."""
    with suppress(OSError, ValueError, RecursionError):
        values = json.loads(folder.calibration.read_text(encoding="utf-8"))
        return restore(values, params_digest(params))
    return None
