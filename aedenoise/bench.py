"""An experiment with everything it works on: devices, data, and the functions of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.data.batches import TrainBatches, eval_batches
from aedenoise.data.reading import Dataset, Split, load
from aedenoise.data.streaming import ReadAhead, mean_of
from aedenoise.errors import DataError, UsageError
from aedenoise.evaluation.evaluate import (
    Results,
    evaluate,
    evaluation_key,
    make_eval_step,
    noisy_images,
    predict,
)
from aedenoise.evaluation.grid import make_grid_step
from aedenoise.experiment import DataConfig, Experiment
from aedenoise.metrics import SSIM_RADIUS
from aedenoise.noise import Noisy
from aedenoise.ops import native
from aedenoise.options import RunOptions
from aedenoise.training.hosts import first_process_first
from aedenoise.training.parallel import Executor, make_executor
from aedenoise.training.step import scale, train_step
from aedenoise.training.task import Params, Task, TrainState, abstract_state, make_task

EVAL_BATCH = 256
SHOWN_IMAGES = 12
# Artifacts are measured on so many images, and no more pixels.
GRID_IMAGES = 1024
GRID_PIXELS = 2**20


@dataclass(frozen=True)
class Bench:
    """An experiment set up: ready to train and to evaluate.

    Attributes:
      experiment: what it is.
      executor: the devices.
      lowering: how convolutions are lowered.
      dataset: both splits, in host memory or on disk.
      task: model, corruption, loss and optimizer.
      split: the training images on the devices, as the executor placed them; or None.
      batches: the training batch of each step.
      total_steps: training steps in the whole run.
      eval_fn, predict_fn, grid_fn: compiled evaluation, prediction and measures of artifacts.
    """

    experiment: Experiment
    executor: Executor
    lowering: str
    dataset: Dataset
    task: Task
    split: Any
    batches: TrainBatches | ReadAhead
    total_steps: int
    eval_fn: Callable[[Any, Any, Any], Any]
    predict_fn: Callable[[Any, Any], Any]
    grid_fn: Callable[[Any, Any], Any]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.dataset.train.images.shape[1:]
        return height, width, channels

    def step_fn(self, state: Any, key: Any, batch: Any, *, axis_name: str | None = None) -> Any:
        """The pure training step of this experiment."""
        return train_step(self.task, state, key, batch, axis_name=axis_name)

    def state_like(self) -> TrainState:
        """Shapes, dtypes and shardings of the state, to restore a checkpoint into."""
        return self.executor.abstract(abstract_state(self.task, self.image_shape))

    def evaluate(
        self, params: Params, stop_requested: Callable[[], bool] = lambda: False
    ) -> Results:
        """Quality over the whole test split; see ``evaluation.evaluate``."""
        size = -(-EVAL_BATCH // jax.device_count()) * jax.device_count()
        batches = eval_batches(self.dataset.test.images, size)
        return evaluate(self.eval_fn, params, batches, stop_requested)

    def grid(self, params: Params) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
        """The grid that the decoder leaves, on evenly spaced test images: measures and pictures,
        see ``evaluation.grid``."""
        images = self.dataset.test.images
        height, width, _ = self.image_shape
        count = min(len(images), GRID_IMAGES, max(16, GRID_PIXELS // (height * width)))
        chosen = np.linspace(0, len(images) - 1, count).astype(np.int32)
        batch = next(eval_batches(images[chosen], count))._replace(index=chosen)
        measures, pictures = jax.device_get(self.grid_fn(_own(params), batch))
        return jax.tree.map(float, measures), pictures

    def denoise(self, params: Params, noisy: Noisy) -> np.ndarray:
        """Denoised images, float32 ``[B, H, W, C]``; each process computes for itself."""
        return np.asarray(self.predict_fn(_own(params), noisy))

    def examples(
        self, params: Params, shown: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Some test images, or those in the rows ``shown``, float32 ``[N, H, W, C]``: original,
        noisy as the evaluation shows them to the network, and denoised."""
        images = self.dataset.test.images
        if shown is None:
            shown = np.linspace(0, len(images) - 1, min(SHOWN_IMAGES, len(images)))
        shown = shown.astype(np.int32)
        chosen = next(eval_batches(np.asarray(images[shown]), len(shown)))._replace(index=shown)
        noisy = noisy_images(self.task.corrupt, evaluation_key(), chosen)
        return (
            np.asarray(scale(jnp.asarray(chosen.image))),
            np.asarray(noisy.image),
            self.denoise(params, noisy),
        )


def set_up(
    experiment: Experiment,
    options: RunOptions,
    *,
    notify: Callable[[str], None],
    training: bool = True,
    total_steps: int | None = None,
    dataset: Dataset | None = None,
) -> Bench:
    """Checks the devices, loads the data (``notify`` gets a line before anything slow), and
    builds the functions of a run. Without ``training``, the batch size need not fit the devices,
    and no training images are put there. The run has ``total_steps`` updates, or else the
    experiment's epochs; ``dataset`` is that of a bench of the same data, which is not loaded anew.

    Raises:
      UsageError: if devices, image size and experiment do not fit together.
      DataError, StorageError: see ``data.reading.load``.
    """
    executor = make_executor(options.parallel, experiment.batch_size if training else None)
    if dataset is None:
        dataset = _load(experiment.data, options, notify)
    height, width, channels = dataset.train.images.shape[1:]
    if min(height, width) < 2 * SSIM_RADIUS + 1:
        raise DataError(
            f"{dataset.name} has {height} x {width} pixels; SSIM needs at least 11 x 11"
        )
    model = experiment.model
    experiment.check_pixels(height * width * channels)
    if any(model.fitting(side) != side for side in (height, width)):
        raise UsageError(
            f"{dataset.name} has {height} x {width} pixels, which {model.stages} stages of stride "
            f"{model.stride} cannot return to: {model.sides} (max_unpool can return to any size)"
        )
    split, batches = _training_data(experiment, executor, dataset, training)
    lowering = _lowering(options.lowering, notify) if model.network != "mlp" else "plain"
    _say_where_precision_is_missing(experiment.model.precision, notify)
    total_steps = total_steps or batches.steps_per_epoch * experiment.epochs
    task = make_task(
        experiment,
        channels=channels,
        total_steps=total_steps,
        lowering=lowering,
        size=(height, width),
    )
    mean_image = (mean_of(dataset.train.images) / 255.0).astype(np.float32)
    return Bench(
        experiment=experiment,
        executor=executor,
        lowering=lowering,
        dataset=dataset,
        task=task,
        split=split,
        batches=batches,
        total_steps=total_steps,
        eval_fn=executor.evaluate(make_eval_step(task.model, task.corrupt, mean_image)),
        predict_fn=jax.jit(lambda params, noisy: predict(task.model, params, noisy)),
        grid_fn=jax.jit(
            make_grid_step(task.model, task.corrupt, task.loss, experiment.model.stride)
        ),
    )


def _own(params: Params) -> Params:
    """Parameters for a computation that each process makes by itself."""
    return params if jax.process_count() == 1 else jax.device_get(params)


def _load(config: DataConfig, options: RunOptions, notify: Callable[[str], None]) -> Dataset:
    loaded = first_process_first(
        lambda: load(
            config,
            options.data_dir,
            notify,
            manual_dir=options.manual_dir,
            memory_budget=options.memory_budget * 2**20,
        )
    )
    return _limited(loaded, config)


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
        chosen = np.linspace(0, total - 1, count).astype(np.int64)
        return Split(split.images[chosen], split.labels[chosen])

    return dataclasses.replace(
        dataset,
        train=some(dataset.train, config.train_examples),
        test=some(dataset.test, config.test_examples),
    )
