"""The report of a run, as text and in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Command

from aedenoise.errors import CheckpointError
from aedenoise.exports.page.file import write_denoising_page
from aedenoise.runs.report_page import write_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE = 390
# Loads the report into a frame as wide as a phone, and writes down what it finds there.
HARNESS = """<!doctype html><iframe src="{page}" width="{width}" height="800"></iframe><script>
addEventListener("load", () => {{
  const inner = document.querySelector("iframe").contentDocument;
  for (const part of inner.querySelectorAll("details")) part.open = true;
  const pictures = [...inner.images].map(image => image.naturalWidth);
  document.title = JSON.stringify([inner.documentElement.scrollWidth, pictures, inner.title]);
}});</script>"""


@pytest.fixture(scope="module")
def runs(command: Command, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    made = []
    for decoder in ("upsample", "transpose"):
        made.append(folder / decoder)
        done = command(
            "--experiment=debug",
            f"--decoder={decoder}",
            "--epochs=1",
            f"--workdir={made[-1]}",
        )
        assert (done.returncode, done.stderr) == (0, "")
    return made


@pytest.mark.end_to_end
@pytest.mark.slow
def test_every_run_has_a_page_with_all_that_it_found(runs: list[Path]) -> None:
    text = (runs[0] / "report.html").read_text()
    assert text.count("<img ") == 5
    for words in ("denoised", "total variation", "class A", "experiment=debug", "optimizer.b2"):
        assert words in text, words
    without = re.sub(r"data:image/png;base64,[\w+/=]+", "", text)
    assert not re.search(r"https?:|//|<script|<link rel=\"style|url\(", without)
    assert len(without) < 40_000


@pytest.mark.end_to_end
@pytest.mark.slow
def test_runs_stand_side_by_side(runs: list[Path], command: Command, tmp_path: Path) -> None:
    target = tmp_path / "both.html"
    done = command("--mode=report", f"--runs={runs[0]},{runs[1]}", f"--output={target}")
    assert (done.returncode, done.stderr) == (0, "")
    text = target.read_text()
    differing = text[text.index("Differences") :]
    differing = differing[: differing.index("</table>")]
    assert re.findall(r"<tr><th>([\w.]+)</th>", differing) == ["model.decoder"]
    assert text.count("<img ") == 10
    (runs[1] / "report.html").unlink()
    done = command("--mode=report", f"--workdir={runs[1]}")
    assert (done.returncode, done.stderr) == (0, "")
    assert (runs[1] / "report.html").exists()


def test_what_is_no_finished_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="train there first"):
        write_page([tmp_path], tmp_path / "report.html")


@pytest.mark.end_to_end
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to look at the page with")
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.slow
def test_a_browser_shows_it_on_a_phone(runs: list[Path], tmp_path: Path, several: bool) -> None:
    target = tmp_path / "report.html"
    write_page(runs if several else runs[:1], target)
    harness = tmp_path / "harness.html"
    harness.write_text(HARNESS.format(page=target.as_uri(), width=PHONE))
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--allow-file-access-from-files",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path}/profile",
            "--virtual-time-budget=10000",
            "--dump-dom",
            harness.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    (found,) = re.findall(r"<title>(.*?)</title>", done.stdout)
    width, pictures, title = re.fullmatch(r"\[(\d+),\[([\d,]*)\],\"(.*)\"\]", found).groups()
    assert int(width) <= PHONE
    assert len(pictures.split(",")) == (10 if several else 5)
    assert all(int(each) > 300 for each in pictures.split(","))
    assert title == ("2 runs" if several else "debug")


@pytest.mark.end_to_end
@pytest.mark.slow
def test_only_a_report_is_replaced(runs: list[Path], command: Command, tmp_path: Path) -> None:
    config = runs[0] / "config.json"
    before = config.read_bytes()
    other = tmp_path / "thesis.html"
    other.write_text("<p>mine</p>")
    for target, code, words in (
        (config, 2, "ends with .html"),
        (other, 5, "is not a report"),
        (tmp_path, 2, "ends with .html"),
    ):
        done = command("--mode=report", f"--runs={runs[0]}", f"--output={target}")
        assert (done.returncode, len(done.stderr.splitlines())) == (code, 1)
        assert words in done.stderr
    assert config.read_bytes() == before
    assert other.read_text() == "<p>mine</p>"
    target = tmp_path / "own.html"
    for _ in range(2):  # its own is
        done = command("--mode=report", f"--runs={runs[0]}", f"--output={target}")
        assert (done.returncode, done.stderr) == (0, "")
    done = command("--mode=report", f"--runs={runs[0]},{runs[0]}", f"--output={target}")
    assert done.returncode == 2
    assert "twice" in done.stderr


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_report_links_the_page_that_denoises_beside_it(runs: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_page(runs[:1], target)
    assert "denoise.html" not in target.read_text()
    write_denoising_page(runs, tmp_path / "denoise.html")
    write_page(runs[:1], target)
    assert '<a href="denoise.html">' in target.read_text()
