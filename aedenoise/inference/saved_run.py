"""A run that has checkpoints, without the data that it was trained on; nothing is written."""

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
    """What a workdir says of its run.

    Attributes:
      folder: the workdir.
      experiment: what it was trained on.
      image_shape: ``[H, W, C]`` of its images.
    """

    folder: Workdir
    experiment: Experiment
    image_shape: tuple[int, int, int]

    def restore_params(self, like: dict[str, Any], checkpoint: str) -> Restored[dict[str, Any]]:
        """Restores the parameters of a checkpoint; see ``Checkpoints.restore_params``.

        Args:
          like: ``{"params": tree}`` of ``jax.ShapeDtypeStruct``; of a GAN also ``"average"``.
          checkpoint: ``newest``, ``best`` or a step.

        Raises:
          CheckpointError: if there is no readable checkpoint.
        """
        with Checkpoints(self.folder.checkpoints, read_only=True) as checkpoints:
            placed = make_executor("jit").abstract(like)
            return checkpoints.restore_params(placed, checkpoints.choose(checkpoint))


def read_run(workdir: str | PathLike[str], *, gan: bool = False) -> SavedRun:
    """The run in a workdir: a denoiser's, or with ``gan`` a GAN's.

    Raises:
      CheckpointError: if there is no run.
      UsageError: if the run is of the other kind.
    """
    folder = Workdir(Path(workdir))
    config, experiment = folder.read_config(), folder.read_experiment()
    if gan != (experiment.model.network == "gan"):
        other = "a denoiser, which makes no images by itself"
        own = "a GAN, which denoises nothing (--mode=sample, aedenoise.load_generator())"
        raise UsageError(f"{folder.path} holds {other if gan else own}")
    height, width, channels = config["dataset"]["image_shape"]
    return SavedRun(folder, experiment, (height, width, channels))
