"""Files of any content: read, or refused with an expected error, and nothing is left behind."""

from __future__ import annotations

import copy
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aedenoise.config import Experiment, to_dict
from aedenoise.config.study import Study, study_to_dict
from aedenoise.data.images import FORMATS, UnreadableImageError
from aedenoise.data.npz_source import NpzSource
from aedenoise.data.pictures import read_picture
from aedenoise.errors import AedenoiseError
from aedenoise.inference.saved_run import read_run
from aedenoise.metrics.image_quality import METRICS
from aedenoise.runs.report_page import write_page
from aedenoise.studies.comparison.folder import StudyFolder
from aedenoise.training.params_file import packed, unpacked
from aedenoise.training.workdir import Workdir

EXAMPLES = 2000 if "--soak" in sys.argv else 100
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(10**20, 10**25),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["folder:~nobody/x", "\0", "\ud800", "a" * 5000, "../..", "gaussian:x"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
_QUALITY = {metric.name: 1.5 for metric in METRICS}
_GRID = {"excess_2": 0.1, "excess_4": 0.1, "spread_2": 0.1, "spread_4": 0.1}
_DATA = {"name": "mnist", "digest": "0" * 64, "train": 5, "test": 5, "image_shape": [28, 28, 1]}
CONFIG = {
    "format": 1,
    "experiment": to_dict(small()),
    "dataset": _DATA,
    "command": "python -m aedenoise.main",
    "parts": {},
}
RESULTS = {
    "experiment": "debug",
    "dataset": _DATA,
    **dict.fromkeys(("eval", "noisy", "mean_image", "black"), _QUALITY),
    "test_set": {"bce_floor": 0.1, "count": 300.0},
    "artifacts": dict.fromkeys(("constant", "gradient", "residual"), _GRID),
    "per_image": {"percentiles": {"5": 9.0}, "by_class": {"A": 9.0}},
    "parameters": 100,
    "train": {"steps": 64, "seconds": 1.0, "epochs": 4},
    "environment": {"python": "3.11"},
}
STUDY = {"format": 1, "study": study_to_dict(Study(base=Experiment())), "networks": None}


@st.composite
def changed(draw: Callable[..., Any], whole: dict[str, Any]) -> bytes:
    """The text of ``whole`` with one value replaced or left out, cut short, or with other bytes."""
    value = copy.deepcopy(whole)
    place: Any = value
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = draw(st.sampled_from(keys))
        inner = place[key]
        if not (isinstance(inner, dict | list) and inner) or draw(st.integers(0, 3)) == 0:
            break
        place = inner
    if draw(st.booleans()):
        place[key] = draw(_JSON)
    else:
        del place[key]
    text = json.dumps(value).encode()
    how = draw(st.integers(0, 9))
    if how == 0:
        return text[: draw(st.integers(0, len(text)))]
    if how == 1:
        at = draw(st.integers(0, len(text)))
        return text[:at] + draw(st.binary(max_size=4)) + text[at:]
    return b"[" * 100_000 if how == 2 and draw(st.booleans()) else text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which nothing but what a test wrote may be left."""
    place = tmp_path_factory.mktemp("fuzz")
    yield place
    assert all(file.name in ("run", "x.npz", "data") for file in place.iterdir())


def read_or_refused(read: Callable[[], object], *also: type[Exception]) -> bool:
    """True if read; an error that is not expected is raised."""
    try:
        read()
    except (AedenoiseError, *also):
        return False
    return True


def _write(folder: Path, **files: bytes) -> Path:
    run = folder / "run"
    run.mkdir(exist_ok=True)
    for name, content in files.items():
        (run / f"{name}.json").write_bytes(content)
    return run


@pytest.mark.scorecard(25)
@pytest.mark.slow
@fuzz
@given(changed(CONFIG))
def test_a_config_of_any_content(folder: Path, content: bytes) -> None:
    workdir = Workdir(_write(folder, config=content))
    read_or_refused(lambda: (workdir.read_experiment(), workdir.read_parts()))
    read_or_refused(lambda: workdir.check(small()))
    read_or_refused(lambda: read_run(workdir.path))


@pytest.mark.scorecard(25)
@pytest.mark.slow
@fuzz
@given(changed(RESULTS), st.one_of(st.just(json.dumps(CONFIG).encode()), changed(CONFIG)))
def test_results_of_any_content(folder: Path, results: bytes, config: bytes) -> None:
    run = _write(folder, config=config, results=results)
    read_or_refused(lambda: write_page([run], run / "report.html"))


def test_the_records_above_are_read(folder: Path) -> None:
    run = _write(folder, config=json.dumps(CONFIG).encode(), results=json.dumps(RESULTS).encode())
    assert read_or_refused(lambda: write_page([run], run / "report.html"))
    _write(folder, study=json.dumps(STUDY).encode())
    assert read_or_refused(StudyFolder(run).read)


@pytest.mark.scorecard(25)
@pytest.mark.slow
@fuzz
@given(changed(STUDY))
def test_a_study_of_any_content(folder: Path, content: bytes) -> None:
    read_or_refused(StudyFolder(_write(folder, study=content)).read)


@st.composite
def arrays(draw: Callable[..., Any]) -> np.ndarray:
    shape = draw(st.lists(st.integers(0, 6), max_size=4))
    kind = draw(
        st.sampled_from(["u1", "i8", "u8", "f4", "f2", ">i2", "?", "U3", "c8", "M8[s]", "S2"])
    )
    values = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 300, shape)
    return values.astype(kind)


_NAMES = st.sampled_from(
    [
        *("images", "labels", "test", "x_train", "x_test", "y_train", "y_test", "label_names"),
        *("../x", "", "a/b"),
    ]
)


@pytest.mark.scorecard(25)
@pytest.mark.slow
@fuzz
@given(st.dictionaries(_NAMES, arrays(), max_size=4), st.integers(0, 400), st.binary(max_size=6))
@pytest.mark.filterwarnings("ignore")
def test_an_npz_of_any_content(
    folder: Path, found: dict[str, np.ndarray], at: int, inserted: bytes
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as members:
        for name, array in found.items():
            content = io.BytesIO()
            np.save(content, array)
            members.writestr(f"{name}.npy", content.getvalue())
    whole = buffer.getvalue()
    place = folder / "x.npz"
    place.write_bytes(whole[:at] + inserted + whole[at:] if at < 300 else whole)
    read_or_refused(lambda: NpzSource(place, folder / "data", 2**30).prepare(lambda line: None))
    read_or_refused(lambda: unpacked(place.read_bytes()), ValueError, OSError, zipfile.BadZipFile)


def _picture(form: str) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


_PICTURES = {form: _picture(form) for form in FORMATS}


@pytest.mark.scorecard(25)
@pytest.mark.slow
@fuzz
@given(st.sampled_from(FORMATS), st.data())
def test_a_picture_of_any_content(form: str, data: st.DataObject) -> None:
    content = bytearray(_PICTURES[form])
    for _ in range(data.draw(st.integers(1, 4))):
        # Headers decide more than pixels.
        at = data.draw(st.one_of(st.integers(0, 60), st.integers(0, len(content)))) % len(content)
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    read_or_refused(lambda: read_picture(bytes(content)), UnreadableImageError)


def test_parameters_come_back() -> None:
    params = {"encoder": {"kernel": np.arange(4.0, dtype=np.float32)}}
    np.testing.assert_array_equal(unpacked(packed(params))["encoder"]["kernel"], np.arange(4.0))
