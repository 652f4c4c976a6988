"""Label flips: how often a classifier gives an image another class after something was done to it.

Judged are the images that the classifier gets right as they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# From this probability of the wrong class on, a flip counts as confident: the image does not look
# spoilt, but like something that it is not.
CONFIDENT = 0.9


@dataclass(frozen=True)
class LabelFlips:
    """Predictions for ``N`` images before and after.

    Attributes:
      labels: int ``[N]``, their classes.
      judged: bool ``[N]``, those that were right before.
      became: int ``[N]``, the class predicted now.
      probability: float ``[N]``, of that class.
    """

    labels: np.ndarray
    judged: np.ndarray
    became: np.ndarray
    probability: np.ndarray

    @property
    def flipped(self) -> np.ndarray:
        """Bool ``[N]``: those judged that have another class now."""
        flipped: np.ndarray = self.judged & (self.became != self.labels)
        return flipped

    @property
    def confident(self) -> np.ndarray:
        """Bool ``[N]``: those flipped whose new class has more than ``CONFIDENT``."""
        confident: np.ndarray = self.flipped & (self.probability > CONFIDENT)
        return confident

    def most_confident(self, count: int) -> np.ndarray:
        """Returns the indices of at most ``count`` flipped images, the most confident first."""
        indices = np.flatnonzero(self.flipped)
        order = np.argsort(-self.probability[indices], kind="stable")
        chosen: np.ndarray = indices[order][:count]
        return chosen

    def confusions(self) -> list[tuple[int, int, int]]:
        """Counts (from, to, how many) of the flipped, the most frequent first."""
        pairs = np.stack([self.labels[self.flipped], self.became[self.flipped]], axis=1)
        found, counts = np.unique(pairs, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [(int(found[i, 0]), int(found[i, 1]), int(counts[i])) for i in order]


def find_label_flips(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> LabelFlips:
    """Compares the predictions of a classifier before and after.

    Args:
      labels: int ``[N]``, the classes of the images.
      before: float ``[N, K]``, the probability of each class for the images as they were.
      after: the same for the images now.

    Raises:
      ValueError: if the shapes do not fit.
    """
    if before.shape != after.shape or labels.shape != before.shape[:1]:
        raise ValueError(
            f"labels {labels.shape} and probabilities {before.shape}, {after.shape} do not fit"
        )
    return LabelFlips(
        labels=labels,
        judged=before.argmax(axis=1) == labels,
        became=after.argmax(axis=1),
        probability=after.max(axis=1),
    )
