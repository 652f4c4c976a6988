"""Prepared datasets: where they lie, what is left behind, and damage to them."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from archives import small_archive

from aedenoise.config import DataConfig, Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.archive import ARCHIVES
from aedenoise.data.lookup import data_root, find_own_builder, manual_folder
from aedenoise.data.reading import load
from aedenoise.data.sources import find_source
from aedenoise.errors import DataError, UsageError
from aedenoise.runs.records import dataset_record
from aedenoise.runs.workload import load_context

SMALL = ARCHIVES["small"].file


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns an empty folder that is the system's temporary one."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_archive(tmp_path_factory.mktemp("archive") / SMALL, 100)


def test_preparing_leaves_no_temporary_folders(
    archive: Path, tmp_path: Path, temporary: Path
) -> None:
    for _ in range(2):
        load("notmnist/small", str(tmp_path / "data"), manual_dir=str(archive.parent))
    find_source(DataConfig(dataset="cifar10"), str(tmp_path / "data"), None)
    assert list(temporary.iterdir()) == []
    assert tempfile.gettempdir() == str(temporary)
    left = [path.name for path in (tmp_path / "data").rglob("*") if "incomplete" in path.name]
    assert left == []
    assert len(list((tmp_path / "data").rglob(".lock"))) == 1


@pytest.mark.parametrize("place", ["gs://bucket/x", "s3://bucket", "gs:/bucket", "file:///x"])
def test_buckets_are_refused_before_anything_is_made(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--data_dir must be a local path, not "):
        load("mnist", place)
    with pytest.raises(UsageError, match="--manual_dir must be a local path"):
        load("notmnist/small", str(tmp_path), manual_dir=place)
    with pytest.raises(UsageError, match="folder: must be a local path"):
        DataConfig(dataset=f"folder:{place}")
    monkeypatch.setenv("TFDS_DATA_DIR", place)
    with pytest.raises(UsageError, match="TFDS_DATA_DIR must be a local path"):
        load("mnist")
    assert list(tmp_path.iterdir()) == []


def test_the_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", "~/x")
    assert data_root(None) == tmp_path / "x"
    assert data_root("~/y") == tmp_path / "y"
    monkeypatch.setenv("TFDS_DATA_DIR", "")
    assert data_root(None) == tmp_path / "tensorflow_datasets"
    assert manual_folder("~") == tmp_path
    with pytest.raises(UsageError, match="unknown home folder; write the whole path"):
        data_root("~no-such-user/x")


def test_another_archive_is_another_dataset(tmp_path: Path) -> None:
    data_dir, lines = str(tmp_path / "data"), []
    digests = {}
    for name, count in (("one", 100), ("two", 120)):
        (tmp_path / name).mkdir()
        small_archive(tmp_path / name / SMALL, count)
        dataset = load("notmnist/small", data_dir, lines.append, manual_dir=str(tmp_path / name))
        assert dataset.facts["readable"] == count
        digests[name] = dataset.digest
    lines.clear()
    again = load("notmnist/small", data_dir, lines.append, manual_dir=str(tmp_path / "one"))
    assert again.digest == digests["one"] != digests["two"]
    assert lines == []
    # A hostile one gets no word of what earlier ones left.
    (tmp_path / "one" / SMALL).write_bytes(b"\x1f\x8bhostile")
    with pytest.raises(DataError, match="is damaged"):
        load("notmnist/small", data_dir, manual_dir=str(tmp_path / "one"))


def test_a_run_says_and_records_that_its_archive_is_not_the_original(
    archive: Path, tmp_path: Path
) -> None:
    experiment = Experiment(data=DataConfig(dataset="notmnist/small"))
    options = RunOptions(
        workdir=tmp_path, data_dir=str(tmp_path / "data"), manual_dir=str(archive.parent)
    )
    lines: list[str] = []
    context = load_context(experiment, options, notify=lines.append)
    said = "notmnist/small is not from the original archive; --mode=data describes it"
    assert lines.count(said) == 1
    assert dataset_record(context)["is_original"] is False


def test_what_0_1_0_prepared_is_used_where_no_archive_is_given(tmp_path: Path) -> None:
    """Version 0.1.0 kept every archive in the same folder, without its digest."""
    (tmp_path / "manual").mkdir()
    archive = small_archive(tmp_path / "manual" / SMALL, 100)
    root = tmp_path / "data"
    first = load("notmnist/small", str(root), manual_dir=str(archive.parent))
    (prepared,) = (root / "archives").iterdir()
    (prepared / "notmnist").rename(root / "notmnist")
    shutil.rmtree(root / "archives")
    usual = root / "notmnist" / "small" / "1.0.0"
    metadata = json.loads((usual / "metadata.json").read_text())
    del metadata["archive_sha256"]
    (usual / "metadata.json").write_text(json.dumps(metadata))
    assert load("notmnist/small", str(root)).digest == first.digest
    assert not (root / "archives").exists()
    # Of the given archive it is not known whether it is the one that was prepared.
    assert load("notmnist/small", str(root), manual_dir=str(archive.parent)).digest == first.digest
    assert len(list((root / "archives").iterdir())) == 1
    # The facts are read again where the arrays are lost.
    shutil.rmtree(usual / "arrays")
    assert load("notmnist/small", str(root)).facts["content"] == first.facts["content"]


def test_an_archive_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SMALL).mkdir()
    with pytest.raises(DataError, match=f"{SMALL} is no file"):
        find_own_builder("notmnist/small", tmp_path / "data", tmp_path)
    (tmp_path / SMALL).rmdir()

    def denied(path: Path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("aedenoise.data.lookup.os.scandir", denied)
    with pytest.raises(DataError, match=r"--manual_dir .* cannot be read: Permission denied"):
        load("notmnist/small", str(tmp_path / "data"), manual_dir=str(tmp_path))


@pytest.mark.scorecard(20)
@pytest.mark.parametrize("name", ["dataset_info.json", "metadata.json"])
@pytest.mark.parametrize("content", [b"", b"null", b"\xff\xfe\x00"])
def test_damaged_metadata_are_one_error(tmp_path: Path, name: str, content: bytes) -> None:
    source = find_source(DataConfig(dataset="notmnist/open"), str(tmp_path), None)
    source.folder.mkdir(parents=True)
    (source.folder / "dataset_info.json").write_text('{"name": "notmnist", "version": "2.0.0"}')
    (source.folder / name).write_bytes(content)
    with pytest.raises(DataError, match=r"metadata in .* are damaged .*remove that folder"):
        load("notmnist/open", str(tmp_path))


@pytest.mark.scorecard(20)
@pytest.mark.parametrize("content", ["[]", "null", '{"sha256": 1}', '{"sha256": "", "facts": []}'])
def test_a_damaged_digest_means_reading_again(archive: Path, tmp_path: Path, content: str) -> None:
    manual = str(archive.parent)
    before = load("notmnist/small", str(tmp_path), manual_dir=manual)
    (record,) = tmp_path.rglob("digest.json")
    record.write_text(content)
    lines: list[str] = []
    again = load("notmnist/small", str(tmp_path), lines.append, manual_dir=manual)
    assert (again.digest, again.facts) == (before.digest, before.facts)
    assert "damaged; reading the source again" in lines[0]
