"""Data: TFDS builders, glyph rendering, reading, and the order of examples.

Importing this package lets ``tfds.builder`` know ``mnist`` and ``notmnist/open``, prepared
from files in the package: no network, no TensorFlow. Where TFDS is not installed, the order of
examples (``aedenoise.data.batches``) still works.
"""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("tensorflow_datasets") is not None:
    from aedenoise.data.builders import Mnist, Notmnist, register

    register()
    __all__ = ["Mnist", "Notmnist"]
