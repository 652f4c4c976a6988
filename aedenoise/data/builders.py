"""TFDS builders of MNIST and notMNIST, without TensorFlow; only archives need the network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from aedenoise.data.archive import ARCHIVES, ArchiveFacts, Letters, read_archive
from aedenoise.data.download import addresses, download, file_digest
from aedenoise.data.idx import read_idx
from aedenoise.data.splits import copies, is_test
from aedenoise.errors import DataError

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


class _LocalInfo(tfds.core.DatasetInfo):  # type: ignore[misc]
    """Description of a dataset that is not in TFDS's bucket."""

    def initialize_from_bucket(self) -> None:
        """Does nothing: TFDS would ask its bucket, and leave an empty temporary folder."""


class _PackagedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[misc,call-arg]
    """A builder whose source is in the package, stored as raw bytes in ArrayRecord files."""

    # TFDS would find this path through a package that is not among its requirements.
    code_path = Path(__file__)

    def __init__(self, *, file_format: str | None = None, **options: Any) -> None:
        # TFDS's default, TFRecord, needs TensorFlow for writing and reading.
        super().__init__(file_format=file_format or "array_record", **options)

    def _dataset_info(self, names: tuple[str, ...], extra: dict[str, Any], **info: Any) -> Any:
        return _LocalInfo(
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
            # The index of an example must be stable: noise and order derive from it.
            disable_shuffling=True,
            **info,
        )


class Mnist(_PackagedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """MNIST: 60,000 training and 10,000 test digits, from the original files."""

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


def _notmnist(name: str, version: str, description: str) -> Any:
    return tfds.core.BuilderConfig(
        name=name, version=tfds.core.Version(version), description=description
    )


class Notmnist(_PackagedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Letters A to J.

    ``open``: rendered from open-licensed fonts by this project. ``small`` and ``large``: Bulatov's
    archives, from the folder of manual downloads or downloaded; each font is in one split only,
    and test images that occur in training are removed.
    """

    name = "notmnist"
    BUILDER_CONFIGS = (
        _notmnist("open", "2.0.0", "Letters of open-licensed fonts; no family is in both splits."),
        _notmnist("small", "1.0.0", "18,724 hand-cleaned letters; 0.5 % of labels are wrong."),
        _notmnist("large", "1.0.0", "529,114 letters; 6.5 % of labels are wrong."),
    )
    # TFDS rejects a folder of manual downloads unless this is set.
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Optional: notMNIST_small.tar.gz or notMNIST_large.tar.gz."

    def _info(self) -> Any:
        packed = self.builder_config.name == "open"
        return self._dataset_info(
            names=LETTERS,
            extra={"font": tfds.features.Scalar(np.int32)},
            description=(
                "Letters A-J cut as in notMNIST (Bulatov 2011) from open-licensed fonts. "
                "`font` is the row of the font in the manifest notmnist_open.tsv."
                if packed
                else "notMNIST (Bulatov 2011). `font` numbers the archive's fonts by name."
            ),
            license=(
                "The fonts' own open licences, listed in notmnist_open.tsv."
                if packed
                else "Not stated by its author."
            ),
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Examples]:
        if self.builder_config.name == "open":
            return {
                split: self._generate_examples(*read_open_letters(split))
                for split in ("train", "test")
            }
        facts = ARCHIVES[self.builder_config.name]
        archive = find_archive(dl_manager, facts)
        sha256 = file_digest(archive)
        letters = read_archive(archive, facts)
        fonts, rows, left_out = _by_font(letters)
        # Packed differently, an archive of known content can still be the original's.
        original = sha256 == facts.sha256 or letters.content == facts.content
        self.info.metadata.update(
            {
                "archive": facts.file,
                "archive_sha256": sha256,
                "content": letters.content,
                "is_original": original,
                "readable": len(letters.image),
                "unreadable": list(letters.unreadable),
                "left_out_of_test": left_out,
                "label_errors": facts.label_errors,
            }
        )
        return {
            split: self._generate_examples(letters.image, letters.label, fonts, chosen)
            for split, chosen in rows.items()
        }

    def _generate_examples(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        fonts: np.ndarray,
        rows: np.ndarray | None = None,
    ) -> Examples:
        for i, row in enumerate(range(len(images)) if rows is None else rows.tolist()):
            yield (
                i,
                {
                    "image": images[row][..., None],
                    "label": int(labels[row]),
                    "font": int(fonts[row]),
                },
            )


def find_archive(dl_manager: Any, facts: ArchiveFacts) -> Path:
    """Finds the archive in TFDS's folder of manual downloads, or downloads and checks it.

    TFDS's own downloader is avoided: without a network it retries for minutes.

    Raises:
      DataError: if it is missing and cannot be downloaded, or has the wrong content.
    """
    known = ""
    with contextlib.suppress(AssertionError):  # TFDS: the folder is missing or empty
        manual = Path(dl_manager.manual_dir) / facts.file
        if manual.exists():
            return manual
        known = f" is not in {manual.parent} and"
    folder = Path(dl_manager.download_dir) / "notmnist"
    try:
        return download(facts.file, facts.size, facts.sha256, folder, addresses(facts.file))
    except DataError as error:
        raise DataError(
            f"{facts.file}{known} {error}; get it another way, and pass its folder as --manual_dir"
        ) from error


def _by_font(letters: Letters) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
    """Returns the font number of each image, the rows of each split, and the number of test images
    removed as copies of training images."""
    names = sorted(set(letters.font))
    number = {name: i for i, name in enumerate(names)}
    font = np.array([number[name] for name in letters.font], np.int32)
    of_test = np.array([is_test(name) for name in names])[font]
    train, test = np.flatnonzero(~of_test), np.flatnonzero(of_test)
    copied = copies(*((letters.image[row] for row in rows) for rows in (train, test)))
    return font, {"train": train, "test": test[~copied]}, int(copied.sum())


def read_open_letters(split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads images uint8 ``[N, 28, 28]``, labels (0 is A) and manifest rows of a split, ``train``
    or ``test``."""
    with np.load(FILES / "notmnist_open.npz", allow_pickle=False) as packed:
        chosen = packed["test"] == (split == "test")
        return packed["image"][chosen], packed["label"][chosen], packed["font"][chosen]


_BUILDERS: dict[str, type[Any]] = {"mnist": Mnist, "notmnist": Notmnist}


class _Provider:
    """Provider of these builders to TFDS, by name."""

    def has_dataset(self, name: str) -> bool:
        return name in _BUILDERS

    def get_builder_cls(self, name: str) -> type[Any]:
        return _BUILDERS[name]


def register() -> None:
    """Makes ``tfds.builder("mnist")`` and ``tfds.builder("notmnist/open")`` find these builders.

    Installs a provider with precedence instead of registering by name: TFDS's own ``mnist``, which
    needs TensorFlow and the network, would clash with a second class of that name.
    """
    tfds.core.registered.add_dataset_builder_provider(_Provider(), index=0)
