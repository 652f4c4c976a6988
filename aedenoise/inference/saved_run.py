"""Read-only access to a run's configuration and checkpoints, without its data."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from aedenoise.config import Experiment
from aedenoise.errors import UsageError
from aedenoise.training.checkpoints import Checkpoints, Restored
from aedenoise.training.sharding import make_executor
from aedenoise.training.workdir import Workdir


@dataclass(frozen=True)
class SavedRun:
    """Run with checkpoints, as recorded in its workdir.

    Attributes:
      folder: the workdir.
      experiment: configuration of its training.
      image_shape: shape ``[H, W, C]`` of its training images.
    """

    folder: Workdir
    experiment: Experiment
    image_shape: tuple[int, int, int]

    def restore_params(self, like: dict[str, Any], checkpoint: str) -> Restored[dict[str, Any]]:
        """Restores the parameters of a checkpoint, see ``Checkpoints.restore_params``.

        Args:
          like: ``{"params": tree}`` of ``jax.ShapeDtypeStruct``; for a GAN also ``"average"``.
          checkpoint: ``newest``, ``best`` or a step.

        Raises:
          CheckpointError: if there is no readable checkpoint.
        """
        with Checkpoints(self.folder.checkpoints, read_only=True) as checkpoints:
            # Placed on the devices of this machine, not on those that wrote the checkpoint.
            placed = make_executor("jit").abstract(like)
            return checkpoints.restore_params(placed, checkpoints.choose(checkpoint))


def read_run(workdir: str | PathLike[str], *, gan: bool = False) -> SavedRun:
    """Reads the run in a workdir.

    Args:
      workdir: folder of the run.
      gan: expects a GAN instead of a denoiser.

    Raises:
      CheckpointError: if there is no run.
      UsageError: if the run is of the other kind.
    """
    folder = Workdir(Path(workdir))
    config, experiment = folder.read_config(), folder.read_experiment()
    if gan != (experiment.model.network == "gan"):
        other = "a denoiser, which cannot generate images; this needs a GAN"
        own = "a GAN, which cannot denoise; use --mode=sample or aedenoise.load_generator()"
        raise UsageError(f"{folder.path} holds {other if gan else own}")
    height, width, channels = config["dataset"]["image_shape"]
    return SavedRun(folder, experiment, (height, width, channels))
