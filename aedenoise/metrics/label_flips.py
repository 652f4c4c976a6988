"""Label flips: changes of a classifier's prediction after an image was processed.

Only images that were classified correctly before are judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Probability of the wrong class above which a flip is confident: the image does not look
# degraded, it looks like another class.
CONFIDENT = 0.9


@dataclass(frozen=True)
class LabelFlips:
    """Predictions for ``N`` images before and after processing.

    Attributes:
      labels: true classes, int ``[N]``.
      judged: images classified correctly before, bool ``[N]``.
      became: classes predicted after, int ``[N]``.
      probability: probability of ``became``, float ``[N]``.
    """

    labels: np.ndarray
    judged: np.ndarray
    became: np.ndarray
    probability: np.ndarray

    @property
    def flipped(self) -> np.ndarray:
        """Returns a bool mask ``[N]`` of the judged images with another class after."""
        flipped: np.ndarray = self.judged & (self.became != self.labels)
        return flipped

    @property
    def confident(self) -> np.ndarray:
        """Returns a bool mask ``[N]`` of the flips with a probability above ``CONFIDENT``."""
        confident: np.ndarray = self.flipped & (self.probability > CONFIDENT)
        return confident

    def most_confident(self, count: int) -> np.ndarray:
        """Returns the indices of at most ``count`` flipped images, the most confident first."""
        indices = np.flatnonzero(self.flipped)
        # Stable: ties stay in the order of the split, so that figures can be reproduced.
        order = np.argsort(-self.probability[indices], kind="stable")
        chosen: np.ndarray = indices[order][:count]
        return chosen

    def confusions(self) -> list[tuple[int, int, int]]:
        """Counts flips as (from class, to class, count), the most frequent first."""
        pairs = np.stack([self.labels[self.flipped], self.became[self.flipped]], axis=1)
        found, counts = np.unique(pairs, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [(int(found[i, 0]), int(found[i, 1]), int(counts[i])) for i in order]


def find_label_flips(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> LabelFlips:
    """Compares a classifier's predictions before and after processing.

    Args:
      labels: true classes, int ``[N]``.
      before: class probabilities of the original images, float ``[N, K]``.
      after: class probabilities of the processed images, float ``[N, K]``.

    Raises:
      ValueError: if the shapes do not match.
    """
    if before.shape != after.shape or labels.shape != before.shape[:1]:
        raise ValueError(
            f"labels {labels.shape} and probabilities {before.shape}, {after.shape} do not match"
        )
    return LabelFlips(
        labels=labels,
        judged=before.argmax(axis=1) == labels,
        became=after.argmax(axis=1),
        probability=after.max(axis=1),
    )


def flip_share(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> float | None:
    """Returns the share of flips among the images classified correctly before; None without any.

    Args:
      labels: true classes, int ``[N]``.
      before, after: classes predicted for the original and the processed images, int ``[N]``.
    """
    judged = before == labels
    return float(np.mean(after[judged] != labels[judged])) if judged.any() else None
