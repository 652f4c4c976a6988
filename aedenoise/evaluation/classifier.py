"""Classifier of a dataset's images, trained once and stored in the user's cache folder.

It judges denoised images, so reports give its own accuracy as well.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.data.batches import TrainBatches, eval_batches
from aedenoise.data.reading import Dataset
from aedenoise.errors import DataError, DivergedError
from aedenoise.files import cache_folder, write_atomically, write_json
from aedenoise.models import Classifier, build_classifier
from aedenoise.ops.images import scale
from aedenoise.training import loop
from aedenoise.training.classification import (
    classification_step,
    create_classifier,
    make_classifier_task,
)
from aedenoise.training.params_file import packed, unpacked
from aedenoise.training.sharding import make_executor
from aedenoise.training.task import Params, run_keys

# Version of the recipe below and in `training.classification`; a cached classifier of another
# version is not used.
VERSION = 1
STEPS = 2500
# Limit for small datasets, against overfitting.
EPOCHS = 20
BATCH = 128
SEED = 0
_EVAL_BATCH = 500
# Steps queued on the device before the host waits, which bounds memory for queued batches.
_AHEAD = 50


@dataclass(frozen=True)
class Trained:
    """Training record of a classifier with its test accuracy.

    Attributes:
      steps: number of updates, with batches of 128 images.
      seconds: training time, including compilation.
      correct, tested: numbers of correctly classified and of all test images.
    """

    steps: int
    seconds: float
    correct: int
    tested: int


class TrainedClassifier:
    """Classifier with its parameters.

    Attributes:
      model: the network.
      params: network parameters.
      trained: training record.
      names: class names.
    """

    def __init__(
        self, model: Classifier, params: Params, trained: Trained, names: tuple[str, ...]
    ) -> None:
        self.model = model
        self.params = params
        self.trained = trained
        self.names = names
        self._probabilities = jax.jit(partial(_probabilities, model))
        self._features = jax.jit(partial(_features, model))

    def probabilities(self, images: Any) -> np.ndarray:
        """Returns class probabilities float32 ``[B, classes]`` for ``[B, H, W, C]`` in [0, 1]."""
        return np.asarray(self._probabilities(self.params, images))

    def features(self, images: Any) -> np.ndarray:
        """Returns penultimate features ``[B, width]`` for images ``[B, H, W, C]`` in [0, 1]."""
        return np.asarray(self._features(self.params, images))


def load_classifier(
    dataset: Dataset, *, lowering: str, notify: Callable[[str], None]
) -> TrainedClassifier:
    """Loads the classifier of ``dataset`` from the cache, or trains it.

    Args:
      dataset: images with labels of at least two classes.
      lowering: lowering of convolutions, see ``ops.convolutions``.
      notify: callback for the message that training starts.

    Raises:
      DataError: if the dataset has no usable labels.
      DivergedError: if training diverged.
    """
    names = class_names(dataset)
    height, width, channels = dataset.train.images.shape[1:]
    shape = (height, width, channels)
    model = build_classifier(shape, len(names), lowering=lowering)
    record = {
        "version": VERSION,
        "data": dataset.digest,
        "splits": [len(dataset.train.images), len(dataset.test.images)],
        "classes": len(names),
    }
    kept = _kept(model, record, shape)
    if kept is None:
        notify(f"training a classifier of {dataset.name}, once per dataset")
        params, steps, seconds = _train(model, dataset, shape)
        untested = TrainedClassifier(model, params, Trained(steps, seconds, 0, 0), names)
        correct = correctly_classified(untested, dataset)
        trained = Trained(steps, round(seconds, 1), correct, len(dataset.test.images))
        # A cache that cannot be written costs time in the next run; it must not end this one.
        with suppress(OSError):
            _keep(params, trained, record)
        kept = params, trained
    return TrainedClassifier(model, *kept, names)


def class_names(dataset: Dataset) -> tuple[str, ...]:
    """Returns the class names of a dataset, numbers where names are missing.

    Raises:
      DataError: if the training labels have fewer than two classes or do not count from 0.
    """
    labels = dataset.train.labels
    if len(np.unique(labels)) < 2:
        raise DataError(
            f"{dataset.name} has labels of fewer than two classes, too few for a classifier: add "
            "labels to the .npz, or use one folder per class"
        )
    both = np.concatenate([labels, dataset.test.labels])
    count = max(int(both.max()) + 1, len(dataset.label_names))
    if both.min() < 0 or count > len(labels):
        raise DataError(
            f"labels of {dataset.name} range from {both.min()} to {both.max()}; number the classes "
            "from 0 for a classifier"
        )
    named = dataset.label_names
    return tuple(named[i] if i < len(named) else str(i) for i in range(count))


def correctly_classified(classifier: TrainedClassifier, dataset: Dataset) -> int:
    """Counts the correctly classified test images."""
    right = 0
    labels = dataset.test.labels
    for batch in eval_batches(dataset.test.images, _EVAL_BATCH):
        said = classifier.probabilities(scale(jnp.asarray(batch.image))).argmax(axis=1)
        right += int(np.sum((said == labels[batch.index]) & batch.mask))
    return right


def _train(
    model: Classifier, dataset: Dataset, shape: tuple[int, int, int]
) -> tuple[Params, int, float]:
    # The network is too small to shard, and on one device it comes out the same everywhere.
    executor = make_executor("jit", devices=jax.local_devices()[:1])
    images = dataset.train.images
    split = executor.place(images) if isinstance(images, np.ndarray) else None
    batches = TrainBatches(images, batch_size=BATCH, seed=SEED, resident=split is not None)
    steps = min(STEPS, EPOCHS * batches.steps_per_epoch)
    labels = jnp.asarray(dataset.train.labels.astype(np.int32))
    task = make_classifier_task(model, labels, steps)
    init_key, key = run_keys(SEED)
    create = jax.jit(partial(create_classifier, task, image_shape=shape))
    state = executor.replicate(create(init_key))
    key = executor.replicate(key)
    clock = loop.Clock()
    plan = loop.Plan(
        # The run is one epoch for the loop: nothing is saved or evaluated before its end.
        steps_per_epoch=steps,
        epochs=1,
        steps_per_call=1,
        log_every=_AHEAD,
        save_every=steps,
        eval_every=1,
        spikes=False,
    )
    try:
        state, _ = loop.train(
            state,
            step_fn=partial(classification_step, task),
            executor=executor,
            key=key,
            split=split,
            batch_at=batches,
            plan=plan,
            observer=loop.SilentObserver(),
            clock=clock,
        )
    except DivergedError as error:
        raise DivergedError(f"the classifier of {dataset.name} diverged") from error
    return jax.device_get(state.params), steps, clock.seconds


def _kept(
    model: Classifier, record: dict[str, Any], shape: tuple[int, int, int]
) -> tuple[Params, Trained] | None:
    """Returns the cached parameters and training record, or None if absent or damaged."""
    place = cache_folder() / "classifiers" / _name(record)
    with suppress(OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        kept = json.loads(place.with_suffix(".json").read_text(encoding="utf-8"))
        content = place.with_suffix(".npz").read_bytes()
        if kept["of"] != record or hashlib.sha256(content).hexdigest() != kept["sha256"]:
            return None
        params = unpacked(content)
        # An intact file of a network whose code has changed since is not usable either.
        like = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, *shape))))
        if _shapes(params) == _shapes(like["params"]):
            return params, Trained(**kept["trained"])
    return None


def _keep(params: Params, trained: Trained, record: dict[str, Any]) -> None:
    place = cache_folder() / "classifiers" / _name(record)
    content = packed(params)
    kept = {
        "of": record,
        "sha256": hashlib.sha256(content).hexdigest(),
        "trained": trained.__dict__,
    }
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Parameters first: the record with their digest is valid only once both are there.
    write_atomically(place.with_suffix(".npz"), content)
    write_json(place.with_suffix(".json"), kept, indent=1)


def _name(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]


def _shapes(params: Params) -> Any:
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), params)


def _probabilities(model: Classifier, params: Params, image: Any) -> Any:
    logits: Any = model.apply({"params": params}, image)
    return jax.nn.softmax(logits)


def _features(model: Classifier, params: Params, image: Any) -> Any:
    return model.apply({"params": params}, image, method="features")
