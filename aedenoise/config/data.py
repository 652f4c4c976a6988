"""The dataset, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aedenoise.config.fields import MOST_EXAMPLES, check_fields, option
from aedenoise.config.validation import check_known, check_positive, local_path
from aedenoise.errors import UsageError, nearest

DATASETS = ("mnist", "notmnist", "notmnist/open", "notmnist/small", "notmnist/large")
FITS = ("resize", "crop", "patches")

# Prefixes of a folder of images, a NumPy file, a name of TFDS's catalogue, arrays from Python, a
# folder of images that are noisy, and two folders with the noisy and the clean image of each name.
PREFIXES = ("folder:", "npz:", "tfds:", "arrays:", "noisy:", "pairs:")
# Those that name folders, of whose images squares are cut.
FOLDERS = ("folder:", "noisy:", "pairs:")
# Names of that catalogue that need no prefix.
TFDS_NAMES = (
    "binary_alpha_digits",
    "cifar10",
    "cifar100",
    "cmaterdb",
    "emnist",
    "eurosat",
    "fashion_mnist",
    "kmnist",
    "mnist_corrupted",
    "smallnorb",
    "stl10",
    "svhn_cropped",
)
# `notmnist` means the letters of open fonts; config.json holds the full name.
_DATASET_ALIASES = {"notmnist": "notmnist/open"}


def dataset_kind(name: str) -> tuple[str, str]:
    """Returns the kind of a dataset, and its name or path without the prefix.

    Kinds are ``own``, ``tfds``, ``folder``, ``npz``, ``arrays``, ``noisy`` and ``pairs``.

    Raises:
      UsageError: if the name is unknown.
    """
    prefix, colon, rest = name.partition(":")
    if colon and f"{prefix}:" in PREFIXES:
        if not rest:
            raise UsageError(
                f"dataset {name!r} has nothing after the colon; write it as {name}NAME"
            )
        return ("own" if prefix == "tfds" and rest in DATASETS else prefix), rest
    if name.split("/")[0] in TFDS_NAMES:
        return "tfds", name
    if name in DATASETS:
        return "own", name
    if Path(name).is_dir():
        raise UsageError(f"unknown dataset {name!r}; for your folder write folder:{name}")
    if colon:
        written = [each for each in PREFIXES if each != "arrays:"]  # from Python only
        raise UsageError(f"unknown dataset {name!r}; {nearest(f'{prefix}:', written)}")
    raise UsageError(
        f"unknown dataset {name!r}; {nearest(name, (*DATASETS, *TFDS_NAMES))}; or tfds:NAME, "
        "folder:DIR, noisy:DIR, pairs:NOISY,CLEAN, npz:FILE"
    )


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Dataset and the number of its examples.

    Attributes:
      dataset: one of ``DATASETS`` or ``TFDS_NAMES``, or several joined by ``+``; or a prefix of
        ``PREFIXES`` with a path or name. Paths become absolute.
      train_examples, test_examples: number of examples of each split (None: all).
      image_size: side in pixels of the squares that a folder's images are cut to.
      fit: ``resize`` or ``crop``, see ``data.image_folder.FolderSource``; or ``patches``, see
        ``data.patch_source.PatchSource``.
      turned: whether a folder's squares are mirrored and turned at random, anew in each epoch.
    """

    dataset: str = option(
        "notmnist/open",
        "dataset: mnist | notmnist[/small|/large] | NAME of TFDS | folder:DIR | noisy:DIR | "
        "pairs:NOISY,CLEAN | npz:FILE, or A+B",
    )
    train_examples: int | None = option(
        None,
        "number of training images, evenly spaced (default: all)",
        most=MOST_EXAMPLES,
        detail=True,
    )
    test_examples: int | None = option(
        None,
        "number of test images, evenly spaced (default: all)",
        most=MOST_EXAMPLES,
        detail=True,
    )
    image_size: int = option(64, "side of a folder's images in pixels", detail=True)
    fit: str = option(
        "resize",
        "way to cut a folder's images to squares; patches are drawn anew in each epoch",
        choices=FITS,
        detail=True,
    )
    turned: bool = option(
        False, "mirror and turn the squares of a folder's images at random", detail=True
    )

    def __post_init__(self) -> None:
        check_fields(self)
        names = [_full_name(name) for name in self.parts]
        if len(set(names)) < len(names):
            raise UsageError(f"dataset {self.dataset} names one twice")
        object.__setattr__(self, "dataset", "+".join(names))
        check_known("fit", self.fit, FITS)
        squares = self.fit == "patches" or self.dataset.startswith(FOLDERS)
        if self.turned and not squares:
            raise UsageError(
                f"turned is for folder:, noisy: and pairs:, not for {self.dataset}; leave it out"
            )
        if not 16 <= self.image_size <= 1024:
            raise UsageError(f"image_size must be from 16 to 1024, not {self.image_size}")
        for field_name in ("train_examples", "test_examples"):
            value = getattr(self, field_name)
            if value is not None:
                check_positive(**{field_name: value})
        if self.noisy and self.fit != "crop":
            raise UsageError(
                "resizing changes the noise of noisy:DIR; leave out --fit, or use crop"
            )
        if self.paired and self.fit != "patches":
            raise UsageError(
                f"pairs are cut to patches; leave out --fit, or use patches, not {self.fit}"
            )

    @property
    def noisy(self) -> bool:
        """Returns True for a folder of noisy images, of which no clean ones are known."""
        return self.dataset.startswith("noisy:")

    @property
    def paired(self) -> bool:
        """Returns True for two folders, of noisy images and of the same images without noise."""
        return self.dataset.startswith("pairs:")

    @property
    def parts(self) -> tuple[str, ...]:
        """Returns the joined datasets; a folder or file is one: its path may contain ``+``."""
        return (self.dataset,) if ":" in self.dataset else tuple(self.dataset.split("+"))

    @property
    def short_name(self) -> str:
        """Returns the name for folders and titles, such as ``mnist`` or the name of a folder."""
        return "+".join(map(_short_name, self.parts))


def pair_folders(text: str) -> tuple[Path, Path]:
    """Splits ``NOISY,CLEAN`` into the absolute paths of two folders.

    Raises:
      UsageError: if there are not two, or both are the same.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(parts):
        raise UsageError(
            f"pairs:{text} must name two folders with one comma between them, as "
            "pairs:scans/noisy,scans/clean"
        )
    noisy, clean = (local_path("the dataset pairs:", each).absolute() for each in parts)
    if noisy == clean:
        raise UsageError(f"pairs:{text} names one folder twice; give the noisy and the clean one")
    return noisy, clean


def _full_name(name: str) -> str:
    kind, rest = dataset_kind(name)
    if kind in ("folder", "npz", "noisy"):
        return f"{kind}:{local_path(f'the dataset {kind}:', rest).absolute()}"
    if kind == "pairs":
        return f"pairs:{','.join(str(each) for each in pair_folders(rest))}"
    if kind == "tfds" and rest.split("/")[0] not in TFDS_NAMES:
        return f"tfds:{rest}"
    if kind == "arrays":
        return f"arrays:{rest}"
    return _DATASET_ALIASES.get(rest, rest)


def _short_name(name: str) -> str:
    kind, rest = dataset_kind(name)
    if kind == "pairs":
        noisy, clean = pair_folders(rest)
        # "scans" for scans/noisy,scans/clean; its test split may have two folders of its own.
        return noisy.parent.name if noisy.parent == clean.parent else noisy.name
    return Path(rest).stem if kind in ("folder", "npz", "noisy") else rest.split("/")[0]
