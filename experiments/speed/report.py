"""Writes the tables of a measurement."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

_TITLES = {"train": "Training, images per second", "infer": "Inference, images per second"}


def write_report(results: dict[str, Any], output: Path | None) -> None:
    """Prints the tables; writes them as ``output.md``, and all numbers as ``output.json``."""
    text = "\n".join(_lines(results))
    print(text)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
        record = json.dumps(results, indent=1, sort_keys=True)
        output.with_suffix(".json").write_text(record + "\n", encoding="utf-8")


def _lines(results: dict[str, Any]) -> list[str]:
    floor, command = results["floor"], results.get("command", {})
    lines = [
        "# Speed on CPU",
        "",
        f"Batch {results['batch_size']}, {results['width']} channels, float32 unless named "
        f"otherwise, {results['instructions']}. {results['machine']}, "
        f"{datetime.date.today().isoformat()}.",
        f"The machine: {floor['operations_per_second'] / 1e9:.0f} GFLOP/s in a matrix product, "
        f"{floor['bytes_per_second'] / 1e9:.1f} GB/s in a copy.",
    ]
    for key, comparison in results.items():
        mode, _, decoder = key.partition("/")
        if mode in _TITLES and decoder:
            lines += ["", f"### {_TITLES[mode]}: {decoder}", *_table(comparison)]
            rate, saving = comparison["rows"][0]["images_per_second"], floor[f"{key}/savings"]
            lines += [
                "",
                f"Floor: {floor[key]:,.0f} images/s, of which aedenoise reaches "
                f"{rate / floor[key]:.0%}; with the products that minimal filtering saves "
                f"{saving:,.0f}, {rate / saving:.0%}.",
            ]
    if command:
        lines += ["", "### The command", "", "| what | measured |", "| --- | --- |"]
    for name, value in command.items():
        shown = f"{value / 1e9:.2f} GB" if "bytes" in name else f"{value:.2f} s"
        lines.append(f"| {name.replace('_', ' ')} | {shown} |")
    return lines


def _table(comparison: dict[str, Any]) -> list[str]:
    rows = comparison["rows"]
    ours = rows[0]["images_per_second"]
    lines = ["", "| system | median | rounds | aedenoise is | versions |", "| --- |" * 5]
    lines[-1] = "| --- | --- | --- | --- | --- |"
    for row in rows:
        rate = row["images_per_second"]
        spread = f"{min(row['rounds']):,.0f} to {max(row['rounds']):,.0f}"
        ratio = f"{ours / rate:.2f} x" if row is not rows[0] else ""
        lines.append(f"| {row['name']} | {rate:,.0f} | {spread} | {ratio} | {row['versions']} |")
    lines += [f"| {name} | not run: {why} | | | |" for name, why in comparison["absent"].items()]
    best = max((row["images_per_second"] for row in rows if row["peer"]), default=None)
    if best is not None:
        lines += ["", f"Against the best float32 peer: **{ours / best:.2f} x**."]
    return lines
