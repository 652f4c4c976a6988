"""Source and target of denoising, and the formats of its results.

Nothing heavy is imported here, so that a wrong flag is answered at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path

from aedenoise.config.fields import check_fields, describe, option
from aedenoise.config.validation import check_known, local_path
from aedenoise.errors import DataError, UsageError

# Networks in the package, by what they are made for.
PACKED = ("letters", "pages", "photos", "photos_colour")
NETWORKS = ("auto", *PACKED)
INVERSIONS = ("auto", "yes", "no")
# Standard input or output.
STREAM = "-"
# Formats of denoised pictures; TIFF and grey PNG keep 16 bits, JPEG is lossy, GIF has 256 colours.
WRITTEN = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".bmp": "BMP",
}


@dataclass(frozen=True, kw_only=True)
class DenoiseOptions:
    """Source and target of denoising.

    Attributes:
      source: a file, a folder, or ``-`` for standard input.
      more: further files.
      target: file or folder to write (``new/`` is created), or ``-`` for standard output; None:
        ``NAME-denoised.png`` or the folder ``NAME-denoised`` next to the source. Of several files
        it is a folder.
      level: of the noise, for a network with condition ``noise_level``; None: estimated.
      invert: inverts dark on light for the network; ``auto``: where it was trained on light glyphs
        and the picture is mostly light.
      network: packed network to use; ``auto``: chosen for each picture.
      before_after: writes pictures of both, side by side, as well.
      uncertainty: writes the half-width of a 90 % interval for each pixel as well.
      keep_input: writes the input itself where the result is certainly worse.
      overwrite: replaces files that exist. A source is never replaced.
    """

    source: str = field(
        metadata=describe(
            "an image, several, a folder of them, or - for standard input",
            flag="input",
            kind="multi_string",
        )
    )
    more: tuple[str, ...] = ()
    target: str | None = option(
        None, "file or folder to write, or - (default: NAME-denoised)", flag="output"
    )
    level: float | None = None
    invert: str = option("auto", "inversion of dark on light", choices=INVERSIONS)
    network: str = option("auto", "packed network; auto looks at each picture", choices=NETWORKS)
    before_after: bool = option(False, "pictures of both, side by side, as well")
    uncertainty: bool = option(False, "half-widths of 90 % intervals as well")
    keep_input: bool = option(True, "the input itself where the result would be worse")
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            place = getattr(self, name)
            if place is not None:
                object.__setattr__(self, name, _expanded(name, place))
        object.__setattr__(self, "more", tuple(_expanded("source", each) for each in self.more))
        check_fields(self)
        check_known("invert", self.invert, INVERSIONS)
        check_known("network", self.network, NETWORKS)
        if self.level is not None and not 0.0 <= self.level <= 2.0:
            raise UsageError(f"noise_level must be from 0 to 2, not {self.level:g}")
        if self.more:
            self._check_several()
        elif self.source != STREAM and not Path(self.source).exists():
            raise DataError(f"{self.source} does not exist")
        if self.source == STREAM and self.target is None:
            raise UsageError("standard input needs an --output, such as - or a file")
        if self.target == STREAM and (self.many or self.before_after or self.uncertainty):
            raise UsageError("standard output takes one picture; give --output a folder")
        if self.target in (None, STREAM) or self.many or self.into_folder:
            return
        if Path(str(self.target)).suffix.lower() not in WRITTEN:
            raise UsageError(
                f"--output ends with {', '.join(WRITTEN)}, or with / for a folder, not "
                f"{self.target}"
            )

    def _check_several(self) -> None:
        # A file that is missing is one that fails: the others are denoised.
        for each in self.sources:
            if each == STREAM:
                raise UsageError("standard input is one picture; leave out - or the files")
            if Path(each).is_dir():
                raise UsageError(f"{each} is a folder; give it alone, or the files in it")
        named = Path(self.target or "").suffix.lower() in WRITTEN and not self.into_folder
        if named:
            raise UsageError(
                f"--output={self.target} names one picture, but there are {len(self.sources):,} to "
                "denoise; give a folder, such as --output=clean/"
            )

    @property
    def sources(self) -> tuple[str, ...]:
        """All files, or the only source."""
        return (self.source, *self.more)

    @property
    def into_folder(self) -> bool:
        """True where the target is an existing folder or ends with a slash."""
        target = self.target or ""
        return target.endswith("/") or Path(target or "-").is_dir()

    @property
    def many(self) -> bool:
        """True where there are several files, or the source is a folder."""
        return bool(self.more) or (self.source != STREAM and Path(self.source).is_dir())


def _expanded(name: str, place: str | PathLike[str]) -> str:
    """Expands ``~``; keeps a slash at the end, which marks a folder."""
    text = fspath(place)
    if text in ("", STREAM):
        return text
    return f"{local_path(name, text)}{'/' if text.endswith('/') else ''}"
