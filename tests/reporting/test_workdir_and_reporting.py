"""The rules of the workdir, and the files of reports."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import small
from PIL import Image
from tensorboardX.proto import event_pb2

from aedenoise.config import Experiment, replace
from aedenoise.errors import AedenoiseError, CheckpointError, Stopped, StorageError, report
from aedenoise.files import remove_leftovers, write_atomically, writing
from aedenoise.reporting.console import Forecast, Parts, time_range
from aedenoise.reporting.figures import denoised_figure, strip
from aedenoise.reporting.flat import flat
from aedenoise.reporting.metrics_log import MetricsLog
from aedenoise.reporting.result_lines import results_table
from aedenoise.reporting.wandb_log import WandbLog
from aedenoise.training.workdir import Workdir, default_workdir


def test_a_workdir_is_claimed_once_and_by_its_own_experiment(tmp_path: Path) -> None:
    workdir = Workdir(tmp_path / "a" / "run")
    assert workdir.check(small()) == small()
    workdir.check_writable()
    assert list(tmp_path.iterdir()) == []
    with workdir.alone():
        workdir.write_config(small(), {})
    assert workdir.check(small()) == small()
    with pytest.raises(CheckpointError, match=r"noise\.level \(0\.4, now 0\.2\)"):
        workdir.check(small(noise__level=0.2))
    assert workdir.read_experiment() == small()


def test_a_run_of_an_earlier_version_keeps_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seeded = replace(Experiment(), {"seed": 1})
    own, first = Path("runs/upsample-notmnist-seed1"), Path("runs/upsample-notmnist")
    assert default_workdir(Experiment(), Experiment()) == first
    assert default_workdir(seeded, Experiment()) == own
    first.mkdir(parents=True)
    Workdir(first).write_config(seeded, {})
    assert default_workdir(seeded, Experiment()) == first
    assert default_workdir(replace(seeded, {"epochs": 6}), Experiment()).name.endswith("seed1")
    Workdir(first).write_config(Experiment(), {})
    assert default_workdir(seeded, Experiment()) == own


def test_the_time_left_is_told_once_and_only_if_it_is_long(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [0.0]
    forecast = Forecast(100, clock=lambda: now[0])
    told = []
    # The first part compiles and counts for nothing; two seconds are too few to go by.
    for seconds, done in ((50.0, 1), (52.0, 2), (60.0, 6), (90.0, 30)):
        now[0] = seconds
        told.append(forecast.reached(done))
    assert told == ["", "", "this takes about 3 to 5 min on this machine", ""]
    # Of equal parts the fastest counts: an evaluation is compiled between others.
    equal = Forecast(100, clock=lambda: now[0], equal=True)
    for seconds, done in ((0.0, 10), (2.0, 20), (30.0, 30)):
        now[0] = seconds
        assert equal.reached(done) == ""
    # The first pace may hold a compilation, and one step between two fetches is too short.
    for parts in (((0.0, 0), (4.0, 7), (4.1, 8), (6.0, 14)), ((0.0, 0), (40.0, 7), (80.0, 14))):
        equal = Forecast(100, clock=lambda: now[0], equal=True)
        lines = []
        for seconds, done in parts:
            now[0] = seconds
            lines.append(equal.reached(done))
        assert any(lines) == (parts[-1][0] > 10.0)
        assert lines[1] == ""
    # A study whose later parts take longer is told of it then.
    short = Forecast(8, clock=lambda: now[0])
    told = []
    for seconds, done in ((0.0, 0), (5.0, 1), (30.0, 2), (60.0, 3)):
        now[0] = seconds
        told.append(short.reached(done))
    assert told == ["", "", "this takes about 2 to 3 min on this machine", ""]
    assert time_range(3 * 3600.0) == "3 to 5 h"
    with Parts(3, "cell") as parts:
        parts.reached(0.5)
        parts.passed(3)
    assert capsys.readouterr().out == ""


def test_overwrite_removes_what_a_run_wrote_and_nothing_else(tmp_path: Path) -> None:
    workdir = Workdir(tmp_path)
    workdir.write_config(small(), {})
    workdir.checkpoints.mkdir()
    (workdir.checkpoints / "5").mkdir()
    workdir.results.write_text("{}")
    (tmp_path / "mine.txt").write_text("keep")
    workdir.clear()
    workdir.check(small(epochs=9))
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_folders_that_are_not_of_a_run_are_not_replaced(tmp_path: Path) -> None:
    workdir = Workdir(tmp_path)
    workdir.checkpoints.mkdir()
    workdir.check_replaceable()  # as a run that was killed at its start leaves it
    (workdir.checkpoints / "other.pt").write_text("")
    with pytest.raises(CheckpointError, match=r"has checkpoints but no config\.json of a run"):
        workdir.check_replaceable()
    workdir.config.write_text("{}")
    with pytest.raises(CheckpointError, match="is not of a run; choose another"):
        workdir.check_replaceable()
    (workdir.checkpoints / "5").mkdir()
    workdir.config.write_text("{")
    with pytest.raises(CheckpointError, match="--mode=eval restores it from a checkpoint"):
        workdir.check_replaceable()
    workdir.write_config(small(), {})
    workdir.check_replaceable()
    (tmp_path / "study.json").write_text("{}")
    for check in (workdir.check_replaceable, lambda: workdir.check(small())):
        with pytest.raises(CheckpointError, match="holds a comparison"):
            check()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "holds no run"),
        ("{", "damaged"),
        ("[]", "is not of a run; choose another --workdir"),
        ('{"name": "mine"}', "is not of a run"),
        ('{"format": 99, "experiment": {}}', "format 99"),
        ('{"format": 1, "experiment": {"colour": "red"}}', "not an experiment of this version"),
        ('{"format": 1, "experiment": {"epochs": -1}}', "epochs must be"),
    ],
)
def test_a_config_that_cannot_be_read_is_one_error(
    tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=words):
        Workdir(tmp_path).read_experiment()


def test_a_workdir_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write to workdir"):
        Workdir(tmp_path / "file" / "run").check_writable()


def test_an_atomic_write_that_fails_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_an_error_names_the_file_and_not_its_temporary_name(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "none" / "a.json", tmp_path / "folder"):
        with pytest.raises(OSError, match=rf"{path}'$") as raised:
            write_atomically(path, b"new")
        assert raised.value.filename == str(path)
    assert [p.name for p in tmp_path.rglob("*")] == ["folder"]


def test_only_temporary_files_that_nobody_writes_are_removed(tmp_path: Path) -> None:
    for name in (".a.json.abcd_123", ".a.json.settings2", ".b.json.abcdefgh", "a.json"):
        (tmp_path / name).write_text("")
    (tmp_path / ".a.json.linklink").symlink_to("a.json")
    with writing(tmp_path / "a.json") as file:
        file.write(b"new")
        remove_leftovers(tmp_path, "a.json")
        remove_leftovers(tmp_path / "none", "a.json")
    assert {path.name for path in tmp_path.iterdir()} == {
        ".a.json.linklink",
        ".a.json.settings2",
        ".b.json.abcdefgh",
        "a.json",
    }
    assert (tmp_path / "a.json").read_text() == "new"


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_the_log_forgets_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    path, events = tmp_path / "metrics.jsonl", tmp_path / "tensorboard"
    with MetricsLog(path, events, step=0) as log:
        for step in (1, 2, 3):
            log.write(step, {"train/loss": 1.0 / step})
        log.write_image(3, "denoised", np.zeros((4, 4), np.uint8))
    with path.open("a") as file:
        file.write('{"step": 4, "tra')
    with MetricsLog(path, events, step=2) as log:
        log.write(3, {"train/loss": 0.25})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["step"], line["train/loss"]) for line in lines] == [(1, 1.0), (2, 0.5), (3, 0.25)]
    assert len(list(events.glob("events.out.tfevents.*"))) == 2


def test_tensorboard_events_can_be_read_back(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "m.jsonl", tmp_path / "tb", step=0) as log:
        log.write(7, {"eval/psnr": 20.5})
        settings = {"model.decoder": "upsample", "epochs": 5, "tail": True, "nothing": None}
        log.write_settings(7, settings, {"eval/psnr": 20.5})
    content = next((tmp_path / "tb").iterdir()).read_bytes()
    # A record: length (8 bytes), its checksum (4), the event, the event's checksum (4).
    values, position = {}, 0
    while position < len(content):
        length = int.from_bytes(content[position : position + 8], "little")
        event = event_pb2.Event.FromString(content[position + 12 : position + 12 + length])
        values.update({v.tag: (event.step, v.simple_value) for v in event.summary.value})
        position += 16 + length
    assert values["eval/psnr"] == (7, 20.5)
    assert b"model.decoder" in content
    assert {"_hparams_/experiment", "_hparams_/session_start_info"} <= values.keys()


@pytest.mark.parametrize("installed", [False, True])
def test_weights_and_biases_may_fail(
    tmp_path: Path, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if installed:  # a module of that name that is something else
        (tmp_path / "wandb.py").write_text("answer = 42\n")
        monkeypatch.syspath_prepend(str(tmp_path))
    elif importlib.util.find_spec("wandb") is not None:
        pytest.skip("Weights & Biases is installed here")
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    said: list[str] = []
    wandb = WandbLog("project", "name", {"epochs": 5}, tmp_path / "wandb-id", said.append)
    with MetricsLog(tmp_path / "m.jsonl", tmp_path / "tb", step=0, wandb=wandb) as log:
        log.write(1, {"train/loss": 1.0})
        log.write_image(1, "denoised", np.zeros((4, 4), np.uint8))
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    (line,) = said
    assert line.startswith("--wandb is ignored")
    assert json.loads((tmp_path / "m.jsonl").read_text())["train/loss"] == 1.0


def test_flat_names() -> None:
    nested = {"model": {"stride": 2, "features": [32, 32]}, "loss": "bce", "limit": None}
    assert flat(nested) == {
        "model.stride": 2,
        "model.features": "32, 32",
        "loss": "bce",
        "limit": None,
    }


def test_the_figure_is_a_picture(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((5, 28, 28, 1))
    path = tmp_path / "figures" / "denoised.png"
    denoised_figure(path, original=images, noisy=images + 0.3, denoised=images / 2, title="letters")
    with Image.open(path) as picture:
        assert picture.width > picture.height > 100
    assert strip(images, images).shape == (56, 140)
    assert strip(images.repeat(3, axis=-1)).shape == (28, 140, 3)


def test_the_table_shows_the_network_above_its_yardsticks() -> None:
    columns = ("psnr", "psnr_of_mean_mse", "ssim", "mse", "bce", "bce_above_floor")
    values = {
        name: dict.fromkeys(columns, value)
        for name, value in {
            "denoised": 20.0,
            "noisy": 11.0,
            "mean_image": 9.0,
            "black": 8.0,
        }.items()
    }
    table = results_table({**values, "dataset": {"count": 10000.0, "bce_floor": 0.058}})
    assert [line.split("  ")[0] for line in table.splitlines()[1:5]] == [
        "denoised",
        "noisy input",
        "mean training image",
        "black image",
    ]
    assert "10,000 test images; +9.00 dB over the noisy input; BCE floor 0.0580" in table


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (CheckpointError("two\nlines"), 3, "aedenoise: two lines"),
        (OSError(28, "No space left on device", "x"), 5, "aedenoise: no room for x (No space left"),
        (ValueError("RESOURCE_EXHAUSTED: write"), 5, "aedenoise: the disk is full"),
        (KeyboardInterrupt(), 130, "aedenoise: SIGINT: interrupted"),
        (Stopped(signal.SIGTERM), 143, "aedenoise: SIGTERM: interrupted"),
        (KeyError("k"), 1, "internal error: KeyError: 'k' (run again with --debug"),
        (AedenoiseError("plain"), 1, "aedenoise: plain"),
    ],
)
def test_errors_are_one_line(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error, debug=False) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
