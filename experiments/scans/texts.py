"""Words for the pages: licences in English, invented words in other scripts.

Pages of the test have another text: the first chapters of Lewis Carroll's "Alice's Adventures in
Wonderland" (1865), which is in the public domain.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TEST_TEXT = Path(__file__).parent / "alice.txt"
LICENCES = Path("/usr/share/common-licenses")
# Letters by falling frequency: English with the marked letters of European languages, modern
# Greek, Russian with Serbian and Ukrainian letters, Hebrew, Armenian and Georgian.
SCRIPTS = {
    "latin": "eaintorsldumcépgávíčbhäófzšöükyèłžçjřęąøåśßñâêîşğőűżæœțđþðwxqďťňůõãėųľ",
    "greek": "αοιετσνηυρπκμλωάδγχίθόέήφβύξώζψςϊΰ",
    "cyrillic": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґћђљњџј",
    "hebrew": "יוהלאתרבשמנדחקעכפטםגזצסןךףץ",
    "armenian": "անիերտոկւսմվհլդյբգթչքպշղխզջծփցռօճժձֆ",
    "georgian": "აიესრნთმდოლბგვუკშხცქპზჯტფწყძჩღჭჰჟ",
}
# Letters of rank r have the weight exp(-r / DECAY), close to the statistics of these languages.
_DECAY = 11.0
_SIGNS = (
    *("(see", "below)", "[12]", "§", "&", "50 %", "@", "#4", "*", "+", "=", "—", "“so”", "«da»"),
    *("€", "$9", "£3", "?", "!", "1/2", "a/b", "x²", "10°", "©", "™", "{x}", "<y>", "|", "~", "…"),
)


def choose_words(
    rng: np.random.Generator, script: str, count: int, known: frozenset[str]
) -> list[str]:
    """Returns running words that a font can draw.

    Args:
      rng: chooses the passage, or invents the words.
      script: ``english``, or one of ``SCRIPTS``.
      count: number of words; fewer where the font lacks some of their characters.
      known: characters of the font.
    """
    if script == "english" and (source := english()):
        start = int(rng.integers(len(source)))
        words = [source[(start + i) % len(source)] for i in range(count)]
    else:
        words = invent_words(rng, SCRIPTS["latin" if script == "english" else script], count)
    for place in np.flatnonzero(rng.random(count) < 0.05).tolist():
        words[place] = _number(rng) if rng.random() < 0.6 else str(rng.choice(_SIGNS))
    return [word for word in words if known.issuperset(word)]


def covered_scripts(known: frozenset[str]) -> list[str]:
    """Returns the scripts of which a font has nine tenths of the letters, and ``english``."""
    return ["english"] + [
        name
        for name, letters in SCRIPTS.items()
        if sum(letter in known for letter in letters) >= 0.9 * len(letters)
    ]


def invent_words(rng: np.random.Generator, letters: str, count: int) -> list[str]:
    """Returns words of random letters, some with a capital, in capitals or with punctuation.

    Args:
      rng: chooses the letters.
      letters: letters by falling frequency.
      count: number of words.
    """
    weights = np.exp(-np.arange(len(letters)) / _DECAY)
    lengths = np.clip(1 + rng.poisson(4.3, count), 1, 14)
    drawn = rng.choice(list(letters), int(lengths.sum()), p=weights / weights.sum())
    words = ["".join(part) for part in np.split(drawn, np.cumsum(lengths)[:-1])]
    for place, chance in enumerate(rng.random(count).tolist()):
        if chance < 0.12:
            words[place] = words[place][:1].upper() + words[place][1:]
        elif chance < 0.15:
            words[place] = words[place].upper()
        elif chance < 0.27:
            words[place] += ".,;:"[int(rng.integers(4))]
    return words


@functools.cache
def english() -> tuple[str, ...]:
    """Returns the words of licences: the package's and those that Debian installs."""
    files = [ROOT / "LICENSE"]
    if LICENCES.is_dir():
        files += sorted(file for file in LICENCES.iterdir() if not file.is_symlink())
    text = " ".join(f.read_text(encoding="utf-8", errors="ignore") for f in files if f.is_file())
    # Marks and addresses are no running text.
    words = re.sub(r"[`*_|#<>\[\]{}]|\S{24,}|-{3,}", " ", text).split()
    return tuple(words)


@functools.cache
def held_out_words() -> tuple[str, ...]:
    """Returns the words of the test's text."""
    return tuple(TEST_TEXT.read_text(encoding="utf-8").split())


def _number(rng: np.random.Generator) -> str:
    value = float(10.0 ** rng.uniform(0.0, 5.0))
    form = ("{:.0f}", "{:.2f}", "{:,.0f}", "{:,.2f}", "{:.1f}%", "-{:.3f}")[int(rng.integers(6))]
    return form.format(value)
