"""Sections of the report page that are specific to GANs, as pure functions of run records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from aedenoise.reporting.html import section, table
from aedenoise.reporting.run_record import RunRecord

GRID = (
    ("made", "excess_2", "excess at Nyquist, generated images"),
    ("test", "excess_2", "excess at Nyquist, test images"),
    ("made", "excess_4", "excess at half of it, generated images"),
    ("test", "excess_4", "excess at half of it, test images"),
    ("constant", "spread_2", "spread 2, constant code"),
    ("constant", "spread_4", "spread 4, constant code"),
)
_GENERATIVE = (
    ("frechet", "Frechet distance"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("sure", "classified with confidence"),
    ("least_class", "share of the rarest class"),
)


def made_images(runs: Sequence[RunRecord]) -> Iterator[str]:
    """Yields the sections that are specific to GANs."""
    for run in runs:
        made = run.results["made"]
        baselines = run.results["yardsticks"]
        rows = [
            (name.replace("_", " "), *(_score(scores, key) for key, _ in _GENERATIVE))
            for name, scores in {"generated images": made, **baselines}.items()
            if scores
        ]
        if not rows:  # data without labels has no classifier to score with
            continue
        title = "Generated images in the feature space of a classifier"
        title += f": {run.name}" if len(runs) > 1 else ""
        content = table([label for _, label in _GENERATIVE], rows)
        if run.results["collapse"]:
            content += f"<p>Mode collapse: {escape(run.results['collapse'])}.</p>"
        yield section(title, content, opened=True)
    shares = [run.results["made"].get("classes", {}) for run in runs]
    classes = dict.fromkeys(name for each in shares for name in each)
    if classes:
        rows = [
            (name, *(f"{100 * each[name]:.1f}" if name in each else "" for each in shares))
            for name in classes
        ]
        columns = [run.name for run in runs]
        yield section("Share of each class among generated images, %", table(columns, rows))


def _score(scores: Mapping[str, Any], key: str) -> str:
    return f"{scores[key]:.3f}" if key in scores else ""
