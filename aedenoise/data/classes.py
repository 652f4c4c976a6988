"""Class names for integer labels. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aedenoise.errors import DataError

# Labels below this number are class numbers, and numbers that do not occur are empty classes.
# Beyond it they are taken for names: a list up to the largest of them could fill the memory.
MAX_CLASSES = 2**16


def name_classes(
    labels: np.ndarray, names: Sequence[str] = (), *, place: str = "the data"
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers the classes of ``labels`` from 0 and names them.

    Labels from 0 to 65,535 stay as they are. Others, such as -1 or ids, are numbered in ascending
    order, and each class has its label as its name.

    Args:
      labels: integers ``[N]``, N at least 1.
      names: given names of the classes 0, 1, …; the numbers are used if there are too few.
      place: origin of the labels, for the error.

    Returns:
      int64 ``[N]``, and the names; none if there is one class without a given name.

    Raises:
      DataError: if there are more than 65,536 distinct labels.
    """
    low, high = int(labels.min()), int(labels.max())
    if low >= 0 and high < len(names):
        return labels.astype(np.int64), tuple(names)
    if low >= 0 and high < MAX_CLASSES:
        return labels.astype(np.int64), tuple(map(str, range(high + 1))) if high else ()
    distinct, numbered = np.unique(labels, return_inverse=True)
    if len(distinct) > MAX_CLASSES:
        raise DataError(
            f"{place} has {len(distinct):,} distinct labels, more than {MAX_CLASSES:,}; leave "
            "them out if they are ids"
        )
    known = dict(enumerate(names))
    own = tuple(known.get(value, str(value)) for value in distinct.tolist())
    return numbered.astype(np.int64), own if len(own) > 1 else ()
