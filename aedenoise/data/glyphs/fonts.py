"""Metadata of font files: family, style, licence, and coverage of letters, by fontTools."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fontTools import agl
from fontTools.ttLib import TTFont

SUFFIXES = (".otf", ".ttf", ".woff2")
# Words for style, width, weight or optical size, which do not distinguish families.
_STYLE_WORDS = re.compile(
    r"\b(adf|std|pro|otf|extra|ultra|semi|demi|thin|hairline|light|book|regular|roman|medium|bold|"
    r"black|heavy|fat|italic|oblique|slanted|condensed|cond|cnd|narrow|extended|expanded|ext|"
    r"caption|display|text|subhead|small|caps?|sc|swash|outline|poster|initials|alternates?|"
    r"no ?\d+|\d+ ?pt|\d+)\b"
)
_SYMBOL_WORDS = re.compile(
    r"symbol|dingbat|ornament|orns|icons?\b|awesome|flowers|bits\b|emoji|barcode|math|music", re.I
)
# The order matters: a text that names several licences is classified by the first match.
_LICENCES = (
    (r"open ?font licen[sc]e|\bofl\b", "OFL-1.1"),
    (r"apache", "Apache-2.0"),
    (r"gust font|\blppl\b|latex project public", "LPPL-1.3c"),
    (r"affero|agpl", "AGPL-3.0-or-later"),
    (r"gpl|general public licen[sc]e", "GPL-2.0-or-later"),
    (r"cc0|creative commons zero|public domain", "CC0-1.0"),
    (r"bitstream vera", "Bitstream-Vera"),
    (r"ubuntu font", "Ubuntu-font-1.0"),
    (r"permission is hereby granted, free of charge|\bmit\b|x11 licen[sc]e", "MIT"),
)
# PANOSE family kinds.
_HANDWRITTEN, _DECORATIVE, _PICTORIAL = 3, 4, 5
_CATEGORIES = {"display": "display", "handwriting": "script"}


class UnusableFontError(ValueError):
    """A font cannot be used as a source of letters; the text gives the reason."""


@dataclass(frozen=True)
class Font:
    """A usable font file.

    Attributes:
      path: path of the file.
      family: family name without style words, in lower case, equal for all faces of a family.
      style: subfamily name.
      weight, italic, width: values of the OS/2 table (100 to 900; flag; 1 to 9).
      kind: ``text``, ``display`` or ``script``, from the package's metadata, else from PANOSE.
      licence: SPDX identifier, or ``unknown``.
      sha256: digest of the file.
    """

    path: Path
    family: str
    style: str
    weight: int
    italic: bool
    width: int
    kind: str
    licence: str
    sha256: str


def read_font(
    path: Path,
    letters: str,
    known: dict[str, dict[str, str]] | None = None,
    *,
    open_only: bool = False,
) -> Font:
    """Reads the metadata of a font.

    Args:
      path: an OTF, TTF or WOFF2 file.
      letters: characters that the font must have.
      known: facts by the name of the font's folder, where files do not state them:
        ``licence``, ``family``, ``kind``, or ``refuse`` with the reason.
      open_only: whether to reject a font that states no open licence.

    Raises:
      UnusableFontError: if the file is broken, lacks a letter, is a symbol font, or is not open.
    """
    facts = (known or {}).get(path.parent.name, {})
    if facts.get("refuse"):
        raise UnusableFontError(facts["refuse"])
    try:
        with TTFont(path, lazy=True, fontNumber=0) as font:
            names: dict[int, str] = {i: _name(font, i) for i in (0, 1, 2, 13, 14, 16, 17)}
            cmap: dict[int, str] = font.getBestCmap() or {}
            order = font.getGlyphOrder()
            os2: Any = font.get("OS/2")
            weight = int(getattr(os2, "usWeightClass", 400))
            width = int(getattr(os2, "usWidthClass", 5))
            italic = bool(getattr(os2, "fsSelection", 0) & 1)
            panose = int(os2.panose.bFamilyType) if os2 is not None else 0
    except ImportError as error:
        raise UnusableFontError("needs the package brotli (the extra fonts)") from error
    except Exception as error:  # fontTools raises anything on damaged files; the rest must go on
        raise UnusableFontError(f"cannot be read ({type(error).__name__})") from error
    missing = [c for c in letters if cmap.get(ord(c), order[0]) == order[0]]
    if missing:
        raise UnusableFontError(f"has no {missing[0]}")
    full_name = names[16] or names[1] or path.stem
    foreign = [c for c in letters if not _may_be(cmap[ord(c)], c)]
    if panose == _PICTORIAL or _SYMBOL_WORDS.search(full_name) or len(foreign) > len(letters) / 2:
        raise UnusableFontError("is a symbol font")
    licence = facts.get("licence") or _licence(names, path)
    if not licence and open_only:
        raise UnusableFontError("states no open licence")
    return Font(
        path=path,
        family=facts.get("family") or normalize_family(full_name),
        style=names[17] or names[2] or "Regular",
        weight=weight,
        italic=italic,
        width=width,
        kind=facts.get("kind") or _kind(panose, path),
        licence=licence or "unknown",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def normalize_family(name: str) -> str:
    """Removes words for style, weight, width and optical size from a family name; lower case."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", name).replace("-", " ").lower()
    bare = " ".join(_STYLE_WORDS.sub(" ", spaced).split())
    return bare or " ".join(spaced.split())


def _may_be(glyph: str, letter: str) -> bool:
    """Returns True if a glyph of this name can be ``letter``: numbered names are neutral, but the
    name of another character is not."""
    base = glyph.split(".")[0]
    return agl.toUnicode(base) == letter or bool(re.fullmatch(r"[a-zA-Z]*\d+", base))


def _name(font: Any, identifier: int) -> str:
    return (font["name"].getDebugName(identifier) or "").strip()


def _licence(names: dict[int, str], path: Path) -> str | None:
    """Reads the licence from the name table (licence, its URL, copyright) or package metadata."""
    for text in (names[13], names[14], names[0]):
        for pattern, identifier in _LICENCES:
            if re.search(pattern, text, re.I):
                return identifier
    stated = str(_package_record(path, "package.json").get("license", ""))
    return stated if stated in {identifier for _, identifier in _LICENCES} else None


def _kind(panose: int, path: Path) -> str:
    category = _package_record(path, "metadata.json").get("category")
    if category is not None:
        return _CATEGORIES.get(str(category), "text")
    return {_HANDWRITTEN: "script", _DECORATIVE: "display"}.get(panose, "text")


def _package_record(font: Path, name: str) -> dict[str, Any]:
    """Reads a JSON file of the npm package that contains a font in ``files/``; {} if missing."""
    record = font.parent.parent / name
    try:
        content = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
