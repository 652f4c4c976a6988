"""Batches and the order of examples, a pure function of (seed, epoch).

A run therefore resumes from its step alone, without a saved iterator. NumPy only.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from aedenoise.data.batch import Batch
from aedenoise.data.patches import Drawn, Patches, Turned
from aedenoise.data.streaming import Records

Images = np.ndarray | Records


@functools.lru_cache(maxsize=2)
def epoch_order(examples: int, seed: int, epoch: int) -> np.ndarray:
    """Returns a permutation of ``range(examples)``, int32: each example once per epoch.

    Sorts the raw words of a Philox generator keyed by (seed, epoch). Unlike
    ``Generator.permutation``, NumPy guarantees that these words never change.
    """
    words = np.random.Philox(key=(epoch << 64) | seed).random_raw(examples)
    order = np.argsort(words, kind="stable").astype(np.int32)
    # The cache hands the same array to every caller.
    order.setflags(write=False)
    return order


class TrainBatches:
    """Training batches by step, from a split in memory or on disk.

    With ``resident`` the devices hold the split, and batches carry indices without images.
    """

    def __init__(
        self,
        images: Images,
        *,
        batch_size: int,
        seed: int,
        resident: bool = False,
        turned: bool = False,
        rows: np.ndarray | None = None,
    ) -> None:
        """Takes the images of a split.

        Args:
          images: the images.
          batch_size: images of a batch.
          seed: seed of their order.
          resident: whether the devices hold them.
          turned: whether square images are mirrored and turned at random, anew in each epoch.
          rows: bool ``[batch_size]``, the rows whose images are read (None: all). The others belong
            to another process and are zero here.
        """
        self._images = images
        self._resident = resident
        self._turned = turned
        self._rows = rows
        self._batch_size = batch_size
        self._seed = seed
        self.steps_per_epoch = -(-len(images) // batch_size)

    def __call__(self, step: int) -> Batch:
        """Returns the batch of ``step``; the last of an epoch is padded to full size and masked."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = epoch_order(len(self._images), self._seed, epoch)
        start = position * self._batch_size
        index = order[start : start + self._batch_size]
        return _padded(self._of_epoch(epoch), index, self._batch_size, self._rows)

    def _of_epoch(self, epoch: int) -> Images | Drawn | Turned | None:
        if self._resident:
            return None
        if isinstance(self._images, Patches):
            return self._images.drawn(epoch, self._seed)
        return Turned(self._images, epoch, self._seed) if self._turned else self._images


def eval_batches(images: Images, batch_size: int) -> Iterator[Batch]:
    """Yields every image once, in the order of the split; the last batch is padded and masked."""
    everything = np.arange(len(images), dtype=np.int32)
    for start in range(0, len(images), batch_size):
        yield _padded(images, everything[start : start + batch_size], batch_size)


def batch_of_rows(images: Images, rows: np.ndarray) -> Batch:
    """Makes one batch of the images in ``rows`` of a split, such as ``evenly_spaced`` ones.

    Their ``index``, which seeds the noise, is the position in the split.
    """
    rows = rows.astype(np.int32)
    return Batch(np.asarray(images[rows]), rows, np.ones(len(rows), bool))


def _padded(
    images: Images | Drawn | Turned | None,
    index: np.ndarray,
    size: int,
    rows: np.ndarray | None = None,
) -> Batch:
    # Padding repeats a real example, so that no computation meets a special case, such as a NaN,
    # which a multiplication by the mask would not remove.
    padding = np.full(size - len(index), index[0], np.int32)
    padded = np.concatenate([index, padding])
    mask = np.arange(size) < len(index)
    if images is None or rows is None or rows.all():
        return Batch(None if images is None else images[padded], padded, mask)
    image = np.zeros((size, *images.shape[1:]), images.dtype)
    image[rows] = images[padded[rows]]
    return Batch(image, padded, mask)
