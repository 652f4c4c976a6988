"""TFDS builders of the datasets in the package. They need no network and no TensorFlow."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from aedenoise.data.idx import read_idx

FILES = Path(__file__).resolve().parent / "files"
LETTERS = tuple("ABCDEFGHIJ")

# SHA-256 of the uncompressed original files.
_MNIST_SHA256 = {
    "train-images-idx3": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

Examples = Iterator[tuple[int, dict[str, Any]]]


class _PackagedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[misc,call-arg]
    """A builder whose source is in the package, stored as raw bytes in ArrayRecord files."""

    # TFDS would ask a package that it does not require where this file lies.
    code_path = Path(__file__)

    def __init__(self, *, file_format: str | None = None, **options: Any) -> None:
        # TFDS's default, TFRecord, can only be written and read by TensorFlow.
        super().__init__(file_format=file_format or "array_record", **options)

    def _dataset_info(self, names: tuple[str, ...], extra: dict[str, Any], **info: str) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(
                        shape=(28, 28, 1), dtype=np.uint8, encoding="bytes"
                    ),
                    "label": tfds.features.ClassLabel(names=names),
                    **extra,
                }
            ),
            supervised_keys=("image", "label"),
            # Example i of a split stays example i.
            disable_shuffling=True,
            **info,
        )


class Mnist(_PackagedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """The real MNIST: 60,000 training and 10,000 test digits, from the original files."""

    name = "mnist"
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> Any:
        return self._dataset_info(
            names=tuple("0123456789"),
            extra={},
            description="The MNIST database of handwritten digits (LeCun, Cortes, Burges).",
            license="CC BY-SA 3.0",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Examples]:
        del dl_manager
        return {"train": self._generate_examples("train"), "test": self._generate_examples("t10k")}

    def _generate_examples(self, prefix: str) -> Examples:
        def read(name: str) -> np.ndarray:
            return read_idx(FILES / "mnist" / f"{name}-ubyte.gz", _MNIST_SHA256[name])

        images = read(f"{prefix}-images-idx3")
        labels = read(f"{prefix}-labels-idx1")
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield i, {"image": image[..., None], "label": int(label)}


class Notmnist(_PackagedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Letters A to J. ``open``: cut from open-licensed fonts by this project's renderer."""

    name = "notmnist"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (
        tfds.core.BuilderConfig(
            name="open",
            version=VERSION,
            description="Letters A-J of open-licensed fonts; no font family is in both splits.",
        ),
    )

    def _info(self) -> Any:
        return self._dataset_info(
            names=LETTERS,
            extra={"font": tfds.features.Scalar(np.int32)},
            description=(
                "Letters A-J cut as in notMNIST (Bulatov 2011) from open-licensed fonts. "
                "`font` is the row of the font in the manifest notmnist_open.tsv."
            ),
            license="The fonts' own open licences, listed in notmnist_open.tsv.",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Examples]:
        del dl_manager
        return {split: self._generate_examples(split) for split in ("train", "test")}

    def _generate_examples(self, split: str) -> Examples:
        images, labels, fonts = read_open_letters(split)
        for i, (image, label, font) in enumerate(zip(images, labels, fonts, strict=True)):
            yield i, {"image": image[..., None], "label": int(label), "font": int(font)}


def read_open_letters(split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images uint8 ``[N, 28, 28]``, labels (0 is A) and manifest rows of ``train`` or ``test``."""
    with open(FILES / "notmnist_open.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    of_split = np.array([row["split"] == split for row in rows])
    with np.load(FILES / "notmnist_open.npz", allow_pickle=False) as packed:
        image, label, font = packed["image"], packed["label"], packed["font"]
    chosen = of_split[font]
    return image[chosen], label[chosen], font[chosen]


_BUILDERS: dict[str, type[Any]] = {"mnist": Mnist, "notmnist": Notmnist}


class _Provider:
    """Answers TFDS's question for a builder by name."""

    def has_dataset(self, name: str) -> bool:
        return name in _BUILDERS

    def get_builder_cls(self, name: str) -> type[Any]:
        return _BUILDERS[name]


def register() -> None:
    """Lets ``tfds.builder("mnist")`` and ``tfds.builder("notmnist/open")`` find these builders.

    A provider in front, rather than registration by name: TFDS's own ``mnist``, which needs
    TensorFlow and the network, would clash with a second class of its name.
    """
    tfds.core.registered.add_dataset_builder_provider(_Provider(), index=0)
