"""How often an image changes its class: counts on what a classifier says of it.

Judged are the images that the classifier gets right as they were; of these it is counted how many
it gives to another class after something was done to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# From this probability of the wrong class on, a change counts as confident: the image does not
# look spoilt, but like something that it is not.
CONFIDENT = 0.9


@dataclass(frozen=True)
class Changes:
    """What became of ``N`` images.

    Attributes:
      labels: int ``[N]``, their classes.
      judged: bool ``[N]``, those that were right before.
      became: int ``[N]``, the class that they are given now.
      probability: float ``[N]``, of that class.
    """

    labels: np.ndarray
    judged: np.ndarray
    became: np.ndarray
    probability: np.ndarray

    @property
    def changed(self) -> np.ndarray:
        """Bool ``[N]``: those judged that have another class now."""
        changed: np.ndarray = self.judged & (self.became != self.labels)
        return changed

    @property
    def confident(self) -> np.ndarray:
        """Bool ``[N]``: of the changed those whose new class has more than ``CONFIDENT``."""
        confident: np.ndarray = self.changed & (self.probability > CONFIDENT)
        return confident

    def most_confident(self, count: int) -> np.ndarray:
        """The places of at most ``count`` changed images, the most confident first."""
        places = np.flatnonzero(self.changed)
        order = np.argsort(-self.probability[places], kind="stable")
        chosen: np.ndarray = places[order][:count]
        return chosen

    def confusions(self) -> list[tuple[int, int, int]]:
        """(from, to, how many) of the changed, the most frequent first."""
        pairs = np.stack([self.labels[self.changed], self.became[self.changed]], axis=1)
        found, counts = np.unique(pairs, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [(int(found[i, 0]), int(found[i, 1]), int(counts[i])) for i in order]


def find_changes(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> Changes:
    """Compares what a classifier says before and after.

    Args:
      labels: int ``[N]``, the classes of the images.
      before: float ``[N, K]``, the probability of each class for the images as they were.
      after: the same for what became of them.

    Raises:
      ValueError: if the shapes do not fit.
    """
    if before.shape != after.shape or labels.shape != before.shape[:1]:
        raise ValueError(
            f"labels {labels.shape} and probabilities {before.shape}, {after.shape} do not fit"
        )
    return Changes(
        labels=labels,
        judged=before.argmax(axis=1) == labels,
        became=after.argmax(axis=1),
        probability=after.max(axis=1),
    )
