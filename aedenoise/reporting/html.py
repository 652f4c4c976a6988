"""HTML building blocks of a report page, as pure functions that return strings.

The page fetches and executes nothing; its content security policy forbids both.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import Any

Cells = Sequence[Any]


def document(title: str, parts: Sequence[str]) -> str:
    """Returns the complete page with the given parts as its body."""
    return _PAGE.format(title=escape(title), style=_STYLE, body="\n".join(parts))


def is_page(content: bytes) -> bool:
    """Returns True if ``content`` is a page written by this package."""
    return any(mark in content[:1000] for mark in _MARKS)


def section(title: str, content: str, *, opened: bool = False) -> str:
    """Returns a collapsible section."""
    return f"<details{' open' * opened}><summary>{escape(title)}</summary>{content}</details>"


def table(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    """Returns a table; the first cell of each row is its heading."""
    head = "".join(f"<th>{escape(column)}</th>" for column in ("", *columns))
    body = "".join(
        f"<tr><th>{escape(str(row[0]))}</th>"
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table><tr>{head}</tr>{body}</table></div>"


def note(text: str) -> str:
    """Returns a paragraph of explanation; nothing for an empty text."""
    return f"<p class=note>{escape(text)}</p>" if text else ""


def picture(png: bytes, text: str, caption: str = "") -> str:
    """Returns a figure with the PNG embedded as a data URI, a text in its place, and a caption."""
    data = base64.b64encode(png).decode()
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    image = f'<img alt="{escape(text)}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}{below}</figure>"


_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
.lead { margin: 0 0 1rem; overflow-wrap: anywhere; }
details { border-top: 1px solid #8886; padding: .5rem 0; }
summary { font-weight: 600; cursor: pointer; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .75rem .15rem 0; text-align: left; vertical-align: top; }
tr + tr > th { font-weight: 400; }
figure { margin: .5rem 0 1rem; }
img { max-width: 100%; height: auto; background: #fff; }
.note, figcaption { font-size: .85rem; opacity: .8; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
"""
# Marks of pages that may be overwritten; pages of early versions have only the second.
_MARKS = (b'<meta name="generator" content="aedenoise">', b"default-src 'none'; img-src data:")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="aedenoise">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
