"""One self-contained HTML page for a run, or for several side by side. Pure functions of records.

Nothing is fetched and nothing is executed: the page forbids both by its own policy.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from aedenoise.reporting.console import PROBED
from aedenoise.reporting.flat import flat

_FIGURES = {
    "made": "Images made of random numbers",
    "between": "From one image to another",
    "nearest": "Made images, and the nearest that it was shown",
    "denoised": "Original, noisy, denoised, and the residual",
    "baselines": "Beside classical denoisers",
    "worst": "The test images that were denoised worst",
    "curve": "Loss and PSNR while training",
    "artifacts": "The grid that the decoder leaves",
    "code": "The code of test images, in two dimensions",
    "confusion": "What is taken for what, by classifiers on the code",
}
_QUALITY = (
    ("eval", "denoised"),
    ("noisy", "noisy input"),
    ("mean_image", "mean training image"),
    ("black", "black image"),
)
_MEASURES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("psnr", "PSNR, dB", "{:.2f}".format),
    ("psnr_of_mean_mse", "PSNR of mean MSE, dB", "{:.2f}".format),
    ("ssim", "SSIM", "{:.4f}".format),
    ("mse", "MSE", "{:.5f}".format),
    ("bce", "BCE, nats", "{:.4f}".format),
    ("bce_above_floor", "BCE above its floor", "{:.4f}".format),
)
_GRID = (
    ("residual", "excess_2", "excess at Nyquist, residual"),
    ("residual", "excess_4", "excess at half of it, residual"),
    ("constant", "spread_2", "spread 2, constant code"),
    ("constant", "spread_4", "spread 4, constant code"),
)
_GRID_MADE = (
    ("made", "excess_2", "excess at Nyquist, made images"),
    ("test", "excess_2", "excess at Nyquist, test images"),
    ("made", "excess_4", "excess at half of it, made images"),
    ("test", "excess_4", "excess at half of it, test images"),
    ("constant", "spread_2", "spread 2, constant code"),
    ("constant", "spread_4", "spread 4, constant code"),
)
_LIKENESS = (
    ("frechet", "Frechet distance"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("sure", "classified for sure"),
    ("least_class", "share of the rarest class"),
)
Cells = Sequence[Any]


@dataclass(frozen=True)
class RunRecord:
    """What a finished run has written.

    Attributes:
      name: of its folder.
      config, results: the content of ``config.json`` and ``results.json``.
      figures: its PNG files, by name without ending.
      probe: the content of ``probe.json``, if there is one.
    """

    name: str
    config: Mapping[str, Any]
    results: Mapping[str, Any]
    figures: Mapping[str, bytes]
    probe: Mapping[str, Any] | None = None


def page(runs: Sequence[RunRecord]) -> str:
    """The page; runs stand side by side in every table, one below another in figures."""
    title = runs[0].results["experiment"] if len(runs) == 1 else f"{len(runs)} runs"
    parts = [f"<h1>{escape(title)}</h1>", f"<p class=lead>{_lead(runs)}</p>", *_sections(runs)]
    return _PAGE.format(title=escape(title), style=_STYLE, body="\n".join(parts))


def is_page(content: bytes) -> bool:
    """Whether this is a page that was written here."""
    return any(mark in content[:1000] for mark in _MARKS)


def _sections(runs: Sequence[RunRecord]) -> Iterator[str]:
    names = [run.name for run in runs]
    gans = ["made" in run.results for run in runs]
    if all(gans):
        yield from _made(runs)
    elif not any(gans):
        yield from _denoised(runs)
    for key, caption in _FIGURES.items():
        shown = [(run, run.figures[key]) for run in runs if key in run.figures]
        pictures = "".join(_picture(png, f"{caption}: {run.name}") for run, png in shown)
        if pictures:
            yield _section(caption, pictures, opened=True)
    places = _GRID_MADE if all(gans) else _GRID
    if all(gans) or not any(gans):
        grid = [
            (label, *(f"{run.results['artifacts'][place][name]:.4f}" for run in runs))
            for place, name, label in places
        ]
        yield _section("The grid, measured", _table(names, grid))
    settings = (
        _differing(runs) if len(runs) > 1 else list(flat(runs[0].config["experiment"]).items())
    )
    yield _section("What differs" if len(runs) > 1 else "Configuration", _table(names, settings))
    facts = {
        run.name: flat({**run.config["dataset"], **run.results["environment"]}) for run in runs
    }
    keys = dict.fromkeys(key for fact in facts.values() for key in fact)
    rows = [(key, *(fact.get(key, "") for fact in facts.values())) for key in keys]
    yield _section("Data and environment", _table(names, rows))
    commands = "".join(
        f"<pre>{escape(run.config['command'])}</pre>" for run in runs if run.config.get("command")
    )
    if commands:
        yield _section("The command", commands, opened=True)


def _denoised(runs: Sequence[RunRecord]) -> Iterator[str]:
    """What denoisers have to say for themselves."""
    names = [run.name for run in runs]
    for key, title in _QUALITY if len(runs) == 1 else _QUALITY[:2]:
        rows = [
            (label, *(form(run.results[key][name]) for run in runs))
            for name, label, form in _MEASURES
        ]
        yield _section(f"Quality: {title}", _table(names, rows), opened=key == "eval")
    yield from _baselines(runs)
    yield from _probes(runs)
    if all("per_image" in run.results for run in runs):
        yield _section("PSNR by class and percentile, dB", _table(names, _spread(runs)))


def _made(runs: Sequence[RunRecord]) -> Iterator[str]:
    """What GANs have to say for themselves."""
    for run in runs:
        made = run.results["made"]
        beside = run.results["yardsticks"]
        rows = [
            (name.replace("_", " "), *(_score(scores, key) for key, _ in _LIKENESS))
            for name, scores in {"made images": made, **beside}.items()
            if scores
        ]
        title = "Made images, in the features of a classifier"
        title += f": {run.name}" if len(runs) > 1 else ""
        content = _table([label for _, label in _LIKENESS], rows)
        if run.results["collapse"]:
            content += f"<p>Mode collapse: {escape(run.results['collapse'])}.</p>"
        yield _section(title, content, opened=True)
    shares = [run.results["made"].get("classes", {}) for run in runs]
    classes = dict.fromkeys(name for each in shares for name in each)
    if classes:
        rows = [
            (name, *(f"{100 * each[name]:.1f}" if name in each else "" for each in shares))
            for name in classes
        ]
        columns = [run.name for run in runs]
        yield _section("Share of each class in them, %", _table(columns, rows))


def _score(scores: Mapping[str, Any], key: str) -> str:
    return f"{scores[key]:.3f}" if key in scores else ""


def _lead(runs: Sequence[RunRecord]) -> str:
    lines = []
    for run in runs:
        results, train = run.results, run.results["train"]
        if "made" in results:
            found = f"a GAN of {escape(results['dataset']['name'])}"
            if results["made"]:
                found += f", Frechet distance {results['made']['frechet']:.2f}"
        else:
            found = (
                f"{results['eval']['psnr']:.2f} dB on {results['test_set']['count']:,.0f} test "
                f"images of {escape(results['dataset']['name'])}, from "
                f"{results['noisy']['psnr']:.2f} dB"
            )
        lines.append(
            f"{escape(run.name)}: {found}; {results['parameters']:,} parameters, "
            f"{train['steps']:,} steps in {train['seconds']:.0f} s"
        )
    return "<br>".join(lines)


def _baselines(runs: Sequence[RunRecord]) -> Iterator[str]:
    for run in runs:
        found = run.results.get("baselines")
        if not found:
            continue
        scores = {"denoised": found["denoised"], **found["classical"]}
        rows = [
            (name, f"{score['psnr']:.2f}", f"{score['ssim']:.4f}", score.get("setting", ""))
            for name, score in scores.items()
        ]
        title = f"Beside classical denoisers, on {found['images']} test images"
        title += f": {run.name}" if len(runs) > 1 else ""
        yield _section(title, _table(["PSNR, dB", "SSIM", "setting"], rows), opened=True)


def _probes(runs: Sequence[RunRecord]) -> Iterator[str]:
    for run in runs:
        if run.probe is None:
            continue
        rows = [
            (
                label,
                f"{100 * score['accuracy']:.2f}",
                f"{100 * score['low']:.2f} to {100 * score['high']:.2f}",
                f"{score['errors']:,}",
            )
            for name, label in PROBED
            if (score := run.probe.get(name))
        ]
        wrong = run.probe["label_errors"]
        title = f"What its code of {run.probe['code_size']} numbers is good for"
        title += f"; about {100 * wrong:g} % of the labels are wrong" if wrong else ""
        title += f": {run.name}" if len(runs) > 1 else ""
        yield _section(title, _table(["accuracy, %", "95 % interval", "errors"], rows), opened=True)


def _spread(runs: Sequence[RunRecord]) -> list[Cells]:
    spreads = [run.results["per_image"] for run in runs]
    rows: list[Cells] = []
    for part, word in (("by_class", "class {}"), ("percentiles", "{} % of the images are below")):
        for key in dict.fromkeys(key for spread in spreads for key in spread[part]):
            values = (spread[part].get(key) for spread in spreads)
            cells = ("" if value is None else f"{value:.2f}" for value in values)
            rows.append((word.format(key), *cells))
    return rows


def _differing(runs: Sequence[RunRecord]) -> list[Cells]:
    settings = [flat(run.config["experiment"]) for run in runs]
    keys = dict.fromkeys(key for each in settings for key in each)
    rows = [(key, *(each.get(key, "") for each in settings)) for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def _section(title: str, content: str, *, opened: bool = False) -> str:
    return f"<details{' open' * opened}><summary>{escape(title)}</summary>{content}</details>"


def _table(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in ("", *columns))
    body = "".join(
        f"<tr><th>{escape(str(row[0]))}</th>"
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table><tr>{head}</tr>{body}</table></div>"


def _picture(png: bytes, caption: str) -> str:
    data = base64.b64encode(png).decode()
    text = escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


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
figcaption { font-size: .85rem; opacity: .8; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
"""
# By these a page is known as one that may be replaced; earlier ones have the second alone.
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
