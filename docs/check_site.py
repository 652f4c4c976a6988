"""Checks a built site: links, no file from another host, an entry for each public name.

python docs/check_site.py build/docs
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

PACKAGES = (
    "aedenoise",
    "aedenoise.config",
    "aedenoise.data",
    "aedenoise.evaluation",
    "aedenoise.models",
    "aedenoise.ops",
)


class Page(HTMLParser):
    """Links, loaded files and anchors of an HTML page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif "src" in values or tag == "link":
            self.loaded.append(values.get("src") or values.get("href", ""))


def problems(site: Path) -> Iterator[str]:
    """Yields one line per broken link, file from elsewhere, and public name without an entry."""
    # Without templates of the theme, and listings, which link methods that have no entry.
    files = (f for f in site.rglob("*.html") if not {"_static", "_modules"} & set(f.parts))
    pages = {file: Page(file) for file in sorted(files)}
    for file, page in pages.items():
        for target in page.loaded:
            if urlsplit(target).scheme in ("http", "https"):
                yield f"{file.relative_to(site)} loads {target}; bundle it"
        for target in (*page.links, *page.loaded):
            if not _leads_somewhere(target, file, pages):
                yield f"{file.relative_to(site)} links {target}, which does not exist"
    anchors = set().union(*(page.anchors for page in pages.values()))
    documented = {
        anchor.rpartition(".")[2] for anchor in anchors if anchor.startswith("aedenoise.")
    }
    for package in PACKAGES:
        for name in importlib.import_module(package).__all__:
            if name not in documented:
                yield f"{package}.{name} has no entry; add it to docs/api"


def _leads_somewhere(target: str, file: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(target)
    if parts.scheme:
        return True
    linked = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not linked.exists():
        return False
    anchor = unquote(parts.fragment)
    return not anchor or linked not in pages or anchor in pages[linked].anchors


def main(arguments: list[str]) -> int:
    """Prints what is wrong with the site in ``arguments[0]``; returns the exit code."""
    site = Path(arguments[0]).resolve()
    found = list(problems(site))
    print("\n".join(found) or f"{arguments[0]}: all links hold, all public names have an entry")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
