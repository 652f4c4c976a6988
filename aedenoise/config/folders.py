"""Folders: the files that mark them as the package's own, and places of checkpoints."""

from __future__ import annotations

import re

from aedenoise.errors import UsageError

# A folder without the file is not a run's or a comparison's, whatever else lies in it.
RUN_FILE = "config.json"
STUDY_FILE = "study.json"
_BUCKETS = ("gs://", "s3://", "az://")


def check_place(place: str) -> None:
    """Checks that checkpoints can be kept in ``place``, a local folder or one in a bucket.

    Raises:
      UsageError: if it has another scheme.
    """
    if re.match(r"\w[\w+.-]*:/", place) and not place.startswith(_BUCKETS):
        raise UsageError(
            f"checkpoint_dir is a folder, or one of a bucket as gs://bucket/folder, not {place}"
        )
