"""What every system stands on: an experiment with its devices, its data and its batches."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import numpy as np

from aedenoise.config import DataConfig, Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.batch import evenly_spaced
from aedenoise.data.batches import TrainBatches
from aedenoise.data.reading import Dataset, Split, load
from aedenoise.data.streaming import ReadAhead
from aedenoise.errors import DataError, UsageError
from aedenoise.metrics.image_quality import SSIM_RADIUS
from aedenoise.ops import native
from aedenoise.runtime.distributed import first_process_first
from aedenoise.training.sharding import Executor, make_executor

# Artifacts are measured on so many images, and no more pixels.
GRID_IMAGES = 1024
GRID_PIXELS = 2**20


@dataclass(frozen=True)
class RunContext:
    """An experiment's devices and data.

    Attributes:
      experiment: what it is.
      executor: the devices.
      lowering: how convolutions are lowered.
      dataset: both splits, in host memory or on disk.
      split: the training images on the devices, as the executor placed them; or None.
      batches: the training batch of each step.
      total_steps: training steps in the whole run.
    """

    experiment: Experiment
    executor: Executor
    lowering: str
    dataset: Dataset
    split: Any
    batches: TrainBatches | ReadAhead
    total_steps: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.dataset.train.images.shape[1:]
        return height, width, channels


class Workload(RunContext, ABC):
    """A ground with something to train on it: what the training loop asks for."""

    @abstractmethod
    def step_fn(self, state: Any, key: Any, batch: Any, *, axis_name: str | None = None) -> Any:
        """The pure training step of this experiment."""

    @abstractmethod
    def create_state(self, key: Any) -> Any:
        """The state before the first step, on the devices."""

    @abstractmethod
    def state_like(self) -> Any:
        """Shapes, dtypes and shardings of the state, to restore a checkpoint into."""

    def params_like(self) -> dict[str, Any]:
        """Returns shapes, dtypes and shardings of what evaluation restores from a checkpoint."""
        return {"params": self.state_like().params}

    @property
    def parts(self) -> dict[str, str]:
        """Names of the parts that come from Python."""
        return {}

    @property
    def noise_label(self) -> str:
        """The corruption in words."""
        own = self.parts.get("corruption")
        return f"{own} noise" if own else str(self.experiment.noise)

    @property
    def starts(self) -> tuple[int, ...]:
        """Steps before which another loss begins."""
        return ()

    # Whether a loss far above those before it is news.
    spikes: ClassVar[bool] = True


def load_context(
    experiment: Experiment,
    options: RunOptions,
    *,
    notify: Callable[[str], None],
    training: bool = True,
    total_steps: int | None = None,
    dataset: Dataset | None = None,
    any_size: bool = False,
) -> RunContext:
    """Checks the devices and loads the data.

    Args:
      experiment: what is run.
      options: where and how.
      notify: gets a line before anything slow.
      training: place the training images on the devices, and hold the batch size to their number.
      total_steps: updates of the run (None: those of the experiment's epochs).
      dataset: data that are loaded already (None: those of the experiment).
      any_size: accept images of sides that the experiment's strides do not divide.

    Raises:
      UsageError: if devices, image size and experiment do not fit together.
      DataError, StorageError: see ``data.reading.load``.
    """
    executor = make_executor(options.parallel, experiment.batch_size if training else None)
    if dataset is None:
        dataset = _load(experiment.data, options, notify)
    dataset = _limited(dataset, experiment.data)
    height, width, channels = dataset.train.images.shape[1:]
    if min(height, width) < 2 * SSIM_RADIUS + 1:
        raise DataError(
            f"{dataset.name} has {height} x {width} pixels; SSIM needs at least 11 x 11"
        )
    model = experiment.model
    experiment.check_pixels(height * width * channels)
    if not any_size and any(model.fitting(side) != side for side in (height, width)):
        other = "" if model.network == "gan" else " (max_unpool can return to any size)"
        raise UsageError(
            f"{dataset.name} has {height} x {width} pixels, which {model.stages} stages of stride "
            f"{model.stride} cannot return to: {model.sides}{other}"
        )
    split, batches = _training_data(experiment, executor, dataset, training)
    lowering = _lowering(options.lowering, notify) if model.network != "mlp" else "plain"
    _say_where_precision_is_missing(experiment.model.precision, notify)
    return RunContext(
        experiment=experiment,
        executor=executor,
        lowering=lowering,
        dataset=dataset,
        split=split,
        batches=batches,
        total_steps=total_steps or batches.steps_per_epoch * experiment.epochs,
    )


def _load(config: DataConfig, options: RunOptions, notify: Callable[[str], None]) -> Dataset:
    return first_process_first(
        lambda: load(
            config,
            options.data_dir,
            notify,
            manual_dir=options.manual_dir,
            memory_budget=options.memory_budget * 2**20,
        )
    )


def _training_data(
    experiment: Experiment, executor: Executor, dataset: Dataset, training: bool
) -> tuple[Any, TrainBatches | ReadAhead]:
    """The training images on the devices, if they fit there, and the batch of each step."""
    images = dataset.train.images
    split = executor.place(images) if training and isinstance(images, np.ndarray) else None
    batches = TrainBatches(
        images,
        batch_size=experiment.batch_size,
        seed=experiment.seed,
        resident=split is not None,
        rows=executor.local_rows(experiment.batch_size) if training else None,
    )
    if isinstance(images, np.ndarray):
        return split, batches
    steps = batches.steps_per_epoch * experiment.epochs
    return None, ReadAhead(batches, batches.steps_per_epoch, steps)


def _lowering(asked: str, notify: Callable[[str], None]) -> str:
    """The lowering that will be used, made ready; ``notify`` gets a line if it is not the one
    asked for."""
    if asked == "plain" or jax.default_backend() != "cpu":
        return asked
    if jax.device_count() > 1:
        return "plain"  # the compiler splits its own convolutions over devices, not foreign calls
    if native.needs_compiling():
        notify("compiling the CPU kernels for this machine, once")
    kernels = native.load()
    if kernels.notice:
        notify(kernels.notice)
    if kernels.problem:
        notify(f"going on with XLA's slower convolutions: {kernels.problem}")
        return "plain"
    return "auto"


def _say_where_precision_is_missing(asked: str, notify: Callable[[str], None]) -> None:
    backend = jax.default_backend()
    if asked == "tf32" and backend != "gpu":
        notify(f"tf32 is arithmetic of NVIDIA GPUs: on {backend} this run computes in float32")
    if asked == "bfloat16" and backend == "cpu":
        notify("bfloat16 is emulated on CPU: the run goes on, slower than with float32")


def _limited(dataset: Dataset, config: DataConfig) -> Dataset:
    def some(split: Split, count: int | None) -> Split:
        total = len(split.images)
        if count is None or count >= total:
            return split
        # Evenly spaced, so that a set ordered by class or font keeps its mixture.
        chosen = evenly_spaced(total, count)
        return Split(split.images[chosen], split.labels[chosen])

    return dataclasses.replace(
        dataset,
        train=some(dataset.train, config.train_examples),
        test=some(dataset.test, config.test_examples),
    )
