"""Documents agree with the code: links, names, files, sample pictures and the script."""

from __future__ import annotations

import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from conftest import ROOT, Command

import aedenoise
from aedenoise.data.glyphs.__main__ import main as glyphs
from aedenoise.data.pictures import read_picture
from aedenoise.inference.pretrained import pretrained_record
from experiments import pages, samples

CHANGELOG = ROOT / "CHANGELOG.md"
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, ROOT / "CONTRIBUTING.md", CHANGELOG, *sorted(DOCS.rglob("*.md"))]
# The changelog names modules of earlier versions.
CURRENT = [page for page in PAGES if page != CHANGELOG]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(page: Path) -> list[list[str]]:
    """Returns the arguments of ``python -m aedenoise.main`` in the command blocks of a page."""
    blocks = re.findall(r"```bash\n(.*?)```", read(page), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    start = ["python", "-m", "aedenoise.main"]
    words = [shlex.split(line, comments=True) for line in lines if line.startswith("python")]
    return [line[3:] for line in words if line[:3] == start]


def headings(page: Path) -> set[str]:
    """Returns the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", read(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_linked_file_and_heading_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", read(page)):
        if target.startswith(("http:", "https:")):
            continue
        name, _, heading = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if heading:
            assert heading in headings(file), target


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_every_named_path_and_module_exists(page: Path) -> None:
    text = read(page)
    # A path without a suffix is a folder.
    for path in re.findall(r"`((?:aedenoise|experiments|tests|docs)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path
    for dotted in re.findall(r"\baedenoise(?:\.[a-z_]+)+(?![\w/])", text):
        pkgutil.resolve_name(dotted)


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_files_in_commands_are_in_a_fresh_clone(page: Path) -> None:
    made = {"scans/noisy"} if _DRAWS_PAGES in read(page) else set()
    for words in commands(page):
        read_from = [word.removeprefix("--input=") for word in words if word.startswith("--input=")]
        read_from += re.findall(r"=folder:(docs\S*)", " ".join(words))
        if "<" in words:
            read_from.append(words[words.index("<") + 1])
        for name in read_from:
            assert name in ("-", "DIR") or name in made or _tracked(name), name
        made |= {word.removeprefix("--output=") for word in words if word.startswith("--output=")}


_DRAWS_PAGES = "python -m experiments.pages scans"
_DRAWS_LETTERS = "python -m aedenoise.data.glyphs --fonts_dir=$fonts --out=letters.npz"


def _tracked(name: str) -> bool:
    """Returns True for a file in the repository, or a folder of such files."""
    if not (ROOT / ".git").exists():
        return (ROOT / name).exists()
    listed = ["git", "-C", str(ROOT), "ls-files", "--", name]
    return bool(subprocess.run(listed, capture_output=True, check=True).stdout)


# What makes a command of the documents short: tiny splits, one epoch.
_FEW = ["--train_examples=64", "--test_examples=32"]
_SHORT = {
    "train": [*_FEW, "--epochs=1", "--nobaselines"],
    "eval": ["--nobaselines"],
    "compare": [*_FEW, "--steps=4", "--seeds=2", "--decoders=upsample,transpose:k4"],
    "robustness": [*_FEW, "--epochs=1", "--nobaselines"],
    "hallucination": [*_FEW, "--epochs=1"],
    "probe": [*_FEW, "--tune_epochs=1"],
}
# Machines with several hosts, and peers of their own.
_ELSEWHERE = ("running.md", "flags.md")


@pytest.mark.slow
@pytest.mark.end_to_end
@pytest.mark.parametrize(
    "page",
    [page for page in CURRENT if commands(page) and page.name not in _ELSEWHERE],
    ids=name_of,
)
def test_commands_of_a_page_run_in_their_order(
    page: Path, command: Command, tmp_path: Path
) -> None:
    for folder in ("docs/samples", "docs/sheets"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    if page != README:  # the first command of the README's start
        command("--dataset=notmnist", *_shortened("train", []), cwd=tmp_path)
    if _DRAWS_PAGES in read(page):
        pages.draw(tmp_path / "scans")
    if _DRAWS_LETTERS in read(page):
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        assert glyphs([f"--fonts_dir={fonts}", f"--out={tmp_path / 'letters.npz'}"]) == 0
    for words in commands(page):
        if "<" in words:
            continue  # a pipe, tested with the command itself
        mode = words[0] if not words[0].startswith("-") else "train"
        done = command(*words, *_shortened(mode, words), cwd=tmp_path, timeout=600)
        assert done.returncode == 0, (words, done.stderr)


def _shortened(mode: str, words: list[str]) -> list[str]:
    """Returns flags that make a command short, in the folder that it has without them."""
    short = list(_SHORT.get(mode, []))
    if any(word.startswith("--runs") for word in words):
        return []  # trained already
    if any(word.startswith("--greedy_epochs") for word in words):
        short[short.index("--epochs=1")] = "--epochs=4"  # each layer needs one
    own = ("--workdir", "--dataset=folder")
    if mode == "train" and not any(word.startswith(own) for word in words):
        named = [word.partition("=")[2] for word in words if word.startswith("--experiment")]
        short.append(f"--workdir=runs/{named[0] if named else 'upsample-notmnist'}")
    return short


@pytest.mark.parametrize("page", sorted((DOCS / "notebooks").glob("*.md")), ids=name_of)
def test_a_notebook_starts_with_its_installation_which_no_build_runs(page: Path) -> None:
    first = re.search(r"```{code-cell} ipython3\n(.*?)```", read(page), re.DOTALL)[1]
    assert first.startswith(":tags: [skip-execution]\n")
    assert "# In Colab" in first
    assert "\n%pip install aedenoise\n" in first
    assert read(page).count("skip-execution") == 1


def test_the_coverage_of_intervals_is_that_of_the_packed_network() -> None:
    found = pretrained_record()["calibration"]
    text = read(DOCS / "denoising.md")
    assert f"{found['images']['measured']:,} test images" in text
    for axis in ("by_brightness", "by_level"):
        rows = [found["measured"], *found["measured"][axis]]
        for cells in (
            ("inside, %", *(f"{100 * row['coverage']:.1f}" for row in rows)),
            ("mean half-width", *(f"{row['half_width']:.3f}" for row in rows)),
        ):
            assert f"| {' | '.join(cells)} |\n" in text


def test_every_page_is_in_the_contents_of_the_site() -> None:
    home = DOCS / "index.md"
    blocks = re.findall(r"```{toctree}\n(.*?)```", read(home), re.DOTALL)
    entries = [re.sub(r".*<(.*)>", r"\1", line) for line in "\n".join(blocks).splitlines()]
    listed = {file.resolve() for entry in entries if entry for file in DOCS.glob(f"{entry}.md")}
    assert set(PAGES) - listed == {home}


def test_the_readme_fits_on_two_screens() -> None:
    assert len(read(README).splitlines()) <= 150


def test_the_sample_pictures_are_drawn_by_their_script() -> None:
    for name, pixels in samples.samples().items():
        file = samples.FOLDER / name
        assert file.stat().st_size < 60_000
        np.testing.assert_allclose(read_picture(file).pixels, pixels, atol=1e-6)


def test_the_version_is_the_same_everywhere() -> None:
    version = aedenoise.__version__
    assert f"\nversion: {version}\n" in read(ROOT / "CITATION.cff")
    assert re.search(r"^## (\S+)", read(CHANGELOG), re.MULTILINE)[1] == version


@pytest.mark.slow
def test_the_script_with_own_parts_trains_resumes_and_denoises(tmp_path: Path) -> None:
    (script,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", read(ROOT / "docs/python.md"), re.DOTALL)
        if "nn.Module" in block
    ]
    assert len([line for line in script.splitlines() if line.strip()]) <= 25
    said = run_script(script, tmp_path)
    psnr, error = re.search(r"^(\S+) dB on the test images, MSE (\S+)$", said, re.M).groups()
    assert (tmp_path / "runs" / "blocks" / "results.json").exists()
    # The noisy images have about 11 dB, an error of about 0.08.
    assert float(psnr) > 13.0
    assert float(error) < 0.05


@pytest.mark.slow
@pytest.mark.end_to_end
def test_scripts_of_the_recipes_denoise(tmp_path: Path) -> None:
    scripts = re.findall(r"```python\n(.*?)```", read(ROOT / "docs/recipes.md"), re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        said = run_script(script, tmp_path)
        psnr, of_input = map(float, re.search(r"^(\S+) dB from (\S+) dB$", said, re.M).groups())
        assert psnr > of_input + 4.0, said


def run_script(script: str, folder: Path) -> str:
    """Returns what a script prints, run in ``folder`` as a user would run it."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
