"""Splits too large for memory: images are read from their records batch by batch.

The order of examples is the same as for splits in memory; Grain reads ahead in threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from aedenoise.data.batch import Batch
from aedenoise.errors import DataError

_THREADS = 4
_BATCHES_AHEAD = 16
_CHUNK = 4096


class Records:
    """Images on disk, indexed like a uint8 array ``[N, H, W, C]``."""

    dtype = np.dtype(np.uint8)

    def __init__(self, source: Any, image_shape: tuple[int, ...], place: str) -> None:
        """Takes a random-access ``source`` of examples, and its ``place`` for error messages."""
        self._source = source
        self._place = place
        self.shape = (len(source), *image_shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        # Indexing a range gives slices, negative rows and masks the meaning they have in NumPy.
        rows = np.arange(len(self))[index]
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for start in range(0, len(rows), _CHUNK):
            examples = self.examples(rows[start : start + _CHUNK])
            images[start : start + len(examples)] = [example["image"] for example in examples]
        return images

    def column(self, name: str) -> np.ndarray:
        """Reads another feature of every example, ``[N]``."""
        values: list[Any] = []
        for start in range(0, len(self), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(self)))
            values += [example[name] for example in self.examples(np.array(rows))]
        return np.array(values)

    def examples(self, rows: np.ndarray) -> list[Any]:
        """Reads whole examples, as decoded by TFDS.

        Raises:
          DataError: if the records are damaged.
        """
        try:
            return list(self._source.__getitems__(rows.tolist()))
        except (RuntimeError, ValueError, IndexError) as error:
            raise DataError(
                f"records in {self._place} are damaged ({type(error).__name__}); remove that "
                "folder and run again"
            ) from error


def compute_mean(images: np.ndarray | Records) -> np.ndarray:
    """Computes the mean image, float64 ``[H, W, C]``."""
    # Integer sums are exact, so the chunk size does not affect the result.
    total = np.zeros(images.shape[1:], np.float64)
    for start in range(0, len(images), _CHUNK):
        total += images[start : start + _CHUNK].sum(axis=0, dtype=np.int64)
    return total / len(images)


class ReadAhead:
    """Batches by step, like ``TrainBatches``, but prefetched in threads."""

    def __init__(self, batch_at: Callable[[int], Batch], steps_per_epoch: int, steps: int) -> None:
        self._batch_at = batch_at
        self.steps_per_epoch = steps_per_epoch
        self._steps = steps
        self._next = -1
        self._batches: Iterator[Batch] = iter(())

    def __call__(self, step: int) -> Batch:
        """Returns the batch of ``step``; prefetched if ``step`` follows that of the last call."""
        if step != self._next:
            # Slow to import, and unused where splits fit into memory.
            import grain

            options = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_BATCHES_AHEAD)
            ahead = grain.MapDataset.range(step, self._steps).map(self._batch_at)
            self._batches = iter(ahead.to_iter_dataset(options))
        self._next = step + 1
        return next(self._batches)
