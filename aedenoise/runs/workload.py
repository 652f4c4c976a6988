"""The context of a run (devices, data, batches), and the base class of workloads."""

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
from aedenoise.training.workdir import Workdir

# Bounds on the images, and on the pixels, that checkerboard artifacts are measured on.
GRID_IMAGES = 1024
GRID_PIXELS = 2**20


@dataclass(frozen=True)
class RunContext:
    """Devices and data of an experiment.

    Attributes:
      experiment: configuration of the run.
      executor: runs step functions on the devices.
      lowering: lowering of convolutions, ``plain`` (XLA's) or ``auto`` (CPU kernels).
      dataset: both splits, in host memory or on disk.
      split: training images on the devices, as the executor placed them; or None.
      batches: training batch of each step.
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
        """Returns height, width and channels."""
        return self.dataset.image_shape


class Workload(RunContext, ABC):
    """A context with a network to train: the interface that the training loop uses."""

    @abstractmethod
    def step_fn(self, state: Any, key: Any, batch: Any, *, axis_name: str | None = None) -> Any:
        """Runs one training step, a pure function; see ``training.step.train_step``."""

    @abstractmethod
    def create_state(self, key: Any) -> Any:
        """Creates the state before the first step, on the devices."""

    @abstractmethod
    def state_like(self) -> Any:
        """Returns shapes, dtypes and shardings of the state, to restore a checkpoint into."""

    def params_like(self) -> dict[str, Any]:
        """Returns shapes, dtypes and shardings of the items that evaluation restores."""
        return {"params": self.state_like().params}

    @property
    def parts(self) -> dict[str, str]:
        """Returns the names of the custom components, by kind."""
        return {}

    @property
    def noise_label(self) -> str:
        """Returns a description of the corruption."""
        own = self.parts.get("corruption")
        return f"{own} noise" if own else str(self.experiment.noise)

    @property
    def starts(self) -> tuple[int, ...]:
        """Returns the steps at which the training loss changes, for the spike detector."""
        return ()

    # Whether loss spikes are reported.
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
      experiment: configuration of the run.
      options: data folders, devices and other options of the run.
      notify: receives a line before anything slow.
      training: whether to place the training images on the devices, and to require that the batch
        size is divisible by their number.
      total_steps: updates of the run; None: derived from the experiment's epochs.
      dataset: data that are loaded already; None: loads the experiment's.
      any_size: whether to accept images with sides that the strides do not divide.

    Raises:
      UsageError: if devices, image size and experiment do not fit together.
      DataError: if the images are too small for SSIM; see also ``data.reading.load``.
      StorageError: see ``data.reading.load``.
    """
    # Before the data: a batch size that does not divide is reported without a download.
    executor = make_executor(options.parallel, experiment.batch_size if training else None)
    if dataset is None:
        dataset = _load(experiment.data, options, notify)
    dataset = _limited(dataset, experiment.data)
    height, width, channels = dataset.image_shape
    if min(height, width) < 2 * SSIM_RADIUS + 1:
        raise DataError(
            f"{dataset.name} has {height} x {width} pixels; SSIM requires at least 11 x 11"
        )
    model = experiment.model
    experiment.check_pixels(height * width * channels)
    if not any_size and any(model.fitting(side) != side for side in (height, width)):
        other = "" if model.network == "gan" else " (max_unpool reproduces any size)"
        raise UsageError(
            f"{dataset.name} has {height} x {width} pixels, which {model.stages} stages of stride "
            f"{model.stride} cannot reproduce: {model.sides}{other}"
        )
    split, batches = _training_data(experiment, executor, dataset, training)
    # Dense networks have no convolutions, so their CPU kernels are not compiled.
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


def check_channels(workdir: Workdir, context: RunContext) -> None:
    """Checks that the data have the channels that the network of a run takes.

    Raises:
      UsageError: if not.
    """
    taken, found = workdir.image_shape[-1], context.image_shape[-1]
    if found != taken:
        raise UsageError(
            f"{context.dataset.name} has {found} channels, the network in {workdir.path} takes "
            f"{taken}; convert the images, or train on such data"
        )


def _load(config: DataConfig, options: RunOptions, notify: Callable[[str], None]) -> Dataset:
    # On a shared disk process 0 prepares the data once; without one, each process does.
    dataset = first_process_first(
        lambda: load(
            config,
            options.data_dir,
            notify,
            manual_dir=options.manual_dir,
            memory_budget=options.memory_budget * 2**20,
        )
    )
    if dataset.facts.get("is_original") is False:
        notify(f"{dataset.name} is not from the original archive; --mode=data describes it")
    return dataset


def _training_data(
    experiment: Experiment, executor: Executor, dataset: Dataset, training: bool
) -> tuple[Any, TrainBatches | ReadAhead]:
    """Returns the training images on the devices, or None if they do not fit, and the batches."""
    images = dataset.train.images
    # Images that are turned anew in each epoch are made where the others would be read.
    stays = training and not experiment.data.turned
    split = executor.place(images) if stays and isinstance(images, np.ndarray) else None
    batches = TrainBatches(
        images,
        batch_size=experiment.batch_size,
        seed=experiment.seed,
        resident=split is not None,
        turned=experiment.data.turned,
        rows=executor.local_rows(experiment.batch_size) if training else None,
    )
    if isinstance(images, np.ndarray):
        return split, batches
    # Images on disk are read ahead in a thread, while the devices train.
    steps = batches.steps_per_epoch * experiment.epochs
    return None, ReadAhead(batches, batches.steps_per_epoch, steps)


def _lowering(asked: str, notify: Callable[[str], None]) -> str:
    """Selects the lowering and compiles its kernels; ``notify`` receives any fallback."""
    if asked == "plain" or jax.default_backend() != "cpu":
        return asked
    kernels = native.load(notify)
    if kernels.notice:
        notify(kernels.notice)
    if kernels.problem:
        notify(f"using XLA's slower convolutions: {kernels.problem}")
        return "plain"
    return "auto"


def _say_where_precision_is_missing(asked: str, notify: Callable[[str], None]) -> None:
    backend = jax.default_backend()
    if asked == "tf32" and backend != "gpu":
        notify(f"tf32 needs an NVIDIA GPU; on {backend} this run computes in float32")
    if asked == "bfloat16" and backend == "cpu":
        notify("bfloat16 is emulated on CPU and slower than float32")


def _limited(dataset: Dataset, config: DataConfig) -> Dataset:
    def some(split: Split, count: int | None) -> Split:
        total = len(split.images)
        if count is None or count >= total:
            return split
        # Evenly spaced, so that a dataset ordered by class or font keeps its proportions.
        chosen = evenly_spaced(total, count)
        return Split(split.images[chosen], split.labels[chosen])

    return dataclasses.replace(
        dataset,
        train=some(dataset.train, config.train_examples),
        test=some(dataset.test, config.test_examples),
    )
