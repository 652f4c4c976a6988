"""A home folder for users that have none, as in containers and under schedulers."""

from __future__ import annotations

import os
from collections.abc import Callable

from aedenoise.files import has_home, temporary_home


def ensure_home(notify: Callable[[str], None]) -> None:
    """Sets ``HOME`` to a private temporary folder if this user has no home folder.

    Libraries expand ``~`` on their own, and some would create a folder of that name.
    ``notify`` receives a line then.
    """
    if has_home():
        return
    folder = temporary_home()
    os.environ["HOME"] = str(folder)
    notify(f"this user has no home: caches and data go to {folder}; set HOME to keep them")
