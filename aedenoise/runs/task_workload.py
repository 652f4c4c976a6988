"""What the workloads of all denoisers share: the task, its state, its steps and its predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.batch import Batch
from aedenoise.data.batches import eval_batches
from aedenoise.data.reading import Dataset
from aedenoise.models.autoencoder import predict
from aedenoise.runs.workload import RunContext, Workload, load_context
from aedenoise.training.components import Components
from aedenoise.training.gan import adversarial_step
from aedenoise.training.memory import check_memory
from aedenoise.training.step import train_step
from aedenoise.training.task import Task, TrainState, abstract_state, create_state, make_task
from aedenoise.training.unsure import unsure_step

EVAL_BATCH = 256
SHOWN_IMAGES = 12


@dataclass(frozen=True)
class TaskWorkload(Workload):
    """A denoiser to train.

    Attributes:
      task: model, corruption, loss and optimizer.
      components: custom components from Python.
      predict_fn: compiled prediction, ``(params, noisy) -> images``.
    """

    task: Task
    components: Components
    predict_fn: Callable[[Any, Any], Any]

    def step_fn(self, state: Any, key: Any, batch: Any, *, axis_name: str | None = None) -> Any:
        step: Callable[..., Any] = train_step
        if self.task.adversary is not None:
            step = adversarial_step
        elif self.task.first_level is not None:
            step = unsure_step
        return step(self.task, state, key, batch, axis_name=axis_name)

    def create_state(self, key: Any) -> TrainState:
        return self.executor.replicate(create_state(self.task, key, self.image_shape))

    def state_like(self) -> TrainState:
        return self.executor.abstract(abstract_state(self.task, self.image_shape))

    @property
    def parts(self) -> dict[str, str]:
        return self.components.names

    @property
    def starts(self) -> tuple[int, ...]:
        return (*(after for _, after in self.task.bce_warmup), *self.task.stages.starts)

    def test_batches(self) -> Iterator[Batch]:
        """Yields every test image once, in batches of a size that the devices divide."""
        size = -(-EVAL_BATCH // jax.device_count()) * jax.device_count()
        return eval_batches(self.dataset.test.images, size)


def predict_alone(task: Task) -> Callable[[Any, Any], Any]:
    """Compiles the prediction of one process, without collectives: plain jit, not the executor."""
    return jax.jit(lambda params, noisy: predict(task.model, params, noisy))


def load_task(
    experiment: Experiment,
    options: RunOptions,
    *,
    notify: Callable[[str], None],
    training: bool,
    total_steps: int | None,
    dataset: Dataset | None,
    components: Components,
) -> tuple[RunContext, Task]:
    """Loads the context of a denoising run and builds its task; arguments are those of
    ``denoising.make_denoising_workload``."""
    components.check(experiment)
    context = load_context(
        experiment,
        options,
        notify=notify,
        training=training,
        total_steps=total_steps,
        dataset=dataset,
        # A custom model replaces the encoder whose strides the check is about.
        any_size=components.model is not None,
    )
    components.try_out(context.image_shape)
    height, width, channels = context.image_shape
    # A network from Python has shapes of its own; other modes take smaller batches than training.
    if training and components.network is None:
        check_memory(experiment, context.image_shape)
    task = make_task(
        experiment,
        channels=channels,
        total_steps=context.total_steps,
        lowering=context.lowering,
        size=(height, width),
        components=components,
    )
    return context, task
