"""Data: TFDS builders, glyph rendering, reading, and the order of examples.

Importing this package registers ``mnist`` and ``notmnist`` with ``tfds.builder``. ``mnist`` and
``notmnist/open`` are prepared from files in the package, without network or TensorFlow. Without
TFDS the order of examples (``aedenoise.data.batches``) still works.
"""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("tensorflow_datasets") is not None:
    from aedenoise.data.builders import Mnist, Notmnist, register

    register()
    __all__ = ["Mnist", "Notmnist"]
