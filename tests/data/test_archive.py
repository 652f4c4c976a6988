"""Bulatov's archives: content of valid ones, and messages about invalid ones."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import resource
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from archives import UNREADABLE, add, letters, pack, png, small_archive
from conftest import ROOT
from PIL import Image

from aedenoise.data.archive import ARCHIVES, read_archive
from aedenoise.data.download import addresses, download
from aedenoise.data.reading import load
from aedenoise.errors import DataError

SMALL = ARCHIVES["small"]
REAL = ROOT.parent / "shared" / "data" / SMALL.file


def left_in(data_dir: Path) -> list[Path]:
    """Lists the files there, except the lock and TFDS's record of dataset folders."""
    known = (".lock", "metadata.json")
    found = [p for p in data_dir.rglob("*") if p.is_file() and p.name not in known]
    return found + list(data_dir.rglob("incomplete.*"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_archive(tmp_path_factory.mktemp("archive") / SMALL.file)


@pytest.mark.skipif(not REAL.exists(), reason="needs the real archive next to the checkout")
def test_the_real_archive_has_18724_images_and_2_unreadable(tmp_path: Path) -> None:
    lines: list[str] = []
    dataset = load("notmnist/small", str(tmp_path), lines.append, manual_dir=str(REAL.parent))
    assert dataset.facts["readable"] == 18_724
    assert dataset.facts["unreadable"] == [
        "A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png",
        "F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png",
    ]
    assert dataset.facts["is_original"]
    assert dataset.facts["test_also_in_train"] == 0
    left_out = dataset.facts["left_out_of_test"]
    assert len(dataset.train.images) + len(dataset.test.images) + left_out == 18_724
    assert sum("unreadable" in line for line in lines) == 1


def test_an_archive_is_read_in_the_order_of_names(archive: Path) -> None:
    read = read_archive(archive, SMALL)
    members = sorted(letters(400))
    assert len(read.image) == len(members) == 400
    for i in (0, 7, 399):
        name, content = members[i]
        np.testing.assert_array_equal(read.image[i], np.asarray(Image.open(io.BytesIO(content))))
        assert name == f"notMNIST_small/{'ABCDEFGHIJ'[read.label[i]]}/{read.font[i]}.png"
    assert read.unreadable == tuple(sorted(f"{name}.png" for name in UNREADABLE))
    assert read.content == hashlib.sha256(read.image.tobytes()).hexdigest()


def test_order_and_strangers_in_an_archive_change_nothing(archive: Path, tmp_path: Path) -> None:
    strangers = [("README.txt", b"hello"), ("notMNIST_small/K/x.png", b"x")]
    other = pack(tmp_path / "a.tar.gz", [*reversed(list(letters(400))), *strangers])
    first, second = read_archive(archive, SMALL), read_archive(other, SMALL)
    assert first.content == second.content
    assert first.font == second.font
    np.testing.assert_array_equal(first.label, second.label)


def test_a_dataset_of_an_archive_keeps_fonts_apart(archive: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    dataset = load("notmnist/small", str(tmp_path), lines.append, manual_dir=str(archive.parent))
    assert dataset.facts["is_original"] is False
    assert dataset.facts["unreadable"] == sorted(f"{name}.png" for name in UNREADABLE)
    assert any(line.startswith("skipped 2 unreadable images: A/RGV") for line in lines)
    pictures = {image.tobytes() for image in dataset.train.images}
    assert not any(image.tobytes() in pictures for image in dataset.test.images)
    assert dataset.facts["label_errors"] == 0.005
    again = load("notmnist/small", str(tmp_path), lines.append)
    assert again.digest == dataset.digest
    assert again.facts == dataset.facts


def test_copies_of_training_images_are_left_out_of_testing(tmp_path: Path) -> None:
    image = next(letters(1))[1]
    names = [f"notMNIST_small/A/font{i}.png" for i in range(60)]
    pack(tmp_path / SMALL.file, [*((name, image) for name in names), *letters(60)])
    dataset = load("notmnist/small", str(tmp_path / "data"), manual_dir=str(tmp_path))
    assert dataset.facts["left_out_of_test"] > 0
    assert dataset.facts["test_also_in_train"] == 0
    assert dataset.facts["repeated_in_train"] > 10


# Scorecard 20: sources that are not what they should be.


def _truncated(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


BAD: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    **{
        f"truncated {tenths}/10": (lambda c, t=tenths: _truncated(c, t / 10), "damaged")
        for tenths in range(1, 10)
    },
    "without its last byte": (lambda c: c[:-1], "damaged"),
    **{
        f"bit flipped at {place}": (lambda c, p=place: _flipped(c, p), "damaged")
        for place in (5_000, 20_000, -6)
    },
    "empty": (lambda c: b"", "is empty: 0 bytes"),
    "a web page": (lambda c: b"<!DOCTYPE html><html>404</html>", "is a web page"),
    "a pickle": (lambda c: b"\x80\x04\x95\x10\x00\x00\x00\x00", "is no gzip archive"),
    "a gzip of nothing": (lambda c: gzip.compress(b""), "damaged"),
    "an empty tar": (lambda c: gzip.compress(bytes(10_240)), "holds no notMNIST_small"),
    "a gzip of text": (lambda c: gzip.compress(b"hello" * 999), "damaged"),
}


@pytest.mark.scorecard(20)
@pytest.mark.parametrize("name", BAD)
def test_bad_archives_are_one_error_and_leave_nothing(
    archive: Path, tmp_path: Path, name: str
) -> None:
    spoil, words = BAD[name]
    (tmp_path / SMALL.file).write_bytes(spoil(archive.read_bytes()))
    data_dir = tmp_path / "data"
    with pytest.raises(DataError, match=words) as caught:
        load("notmnist/small", str(data_dir), manual_dir=str(tmp_path))
    assert str(tmp_path / SMALL.file) in str(caught.value)
    assert left_in(data_dir) == []


@pytest.mark.scorecard(20)
def test_many_unreadable_images_are_refused(tmp_path: Path) -> None:
    broken = [(f"notMNIST_small/A/b{i}.png", b"\x89PNG") for i in range(3)]
    pack(tmp_path / "a.tar.gz", [*letters(60), *broken])
    with pytest.raises(DataError, match="3 of 63 images are unreadable, expected 2"):
        read_archive(tmp_path / "a.tar.gz", SMALL)


def test_a_missing_archive_names_the_flag(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No network for this process: nothing listens at the discard port.
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"large\.tar\.gz is not in .* cannot be .* --manual_dir"):
        load("notmnist/large", str(tmp_path / "data"), manual_dir=str(archive.parent))
    assert left_in(tmp_path) == []
    with pytest.raises(DataError, match="is not a folder"):
        load("notmnist/large", str(tmp_path), manual_dir=str(tmp_path / "none"))


# Scorecard 21: hostile archives.


def _link(kind: bytes, target: str) -> Callable[[tarfile.TarFile], None]:
    return lambda tar: add(tar, "notMNIST_small/A/x.png", b"", kind, target)


def _sparse(tar: tarfile.TarFile) -> None:
    info = tarfile.TarInfo("notMNIST_small/A/sparse.png")
    info.size = 10 * 2**30
    # The header alone: the content never comes. ``addfile`` of Python 3.13 refuses that.
    assert tar.fileobj is not None
    tar.fileobj.write(info.tobuf())


def _many(tar: tarfile.TarFile) -> None:
    info = tarfile.TarInfo("x")
    for _ in range(1_000_000 // 50):
        tar.addfile(info)


def _bomb(tar: tarfile.TarFile) -> None:
    buffer = io.BytesIO()
    Image.new("L", (20_000, 20_000)).save(buffer, "PNG")
    for i in range(5):
        add(tar, f"notMNIST_small/A/{i}.png", buffer.getvalue()[: 60 * 2**10])


def _zeros(tar: tarfile.TarFile) -> None:
    for i in range(60):
        add(tar, f"notMNIST_small/{i}", bytes(4 * 2**20))


HOSTILE: dict[str, Callable[[tarfile.TarFile], None]] = {
    "parent folder": lambda tar: add(tar, "../../evil.png", b"x"),
    "absolute": lambda tar: add(tar, "/tmp/aedenoise-evil.png", b"x"),
    "symbolic link": _link(tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": _link(tarfile.LNKTYPE, "../../etc/passwd"),
    "device": _link(tarfile.CHRTYPE, ""),
    "fifo": _link(tarfile.FIFOTYPE, ""),
    "sparse file of 10 GB": _sparse,
    "very many members": _many,
    "image bombs": _bomb,
    "gzip bomb": _zeros,
}


@pytest.mark.scorecard(21)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_do_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "archive" / "a.tar.gz"
    path.parent.mkdir()
    with gzip.open(path, "wb", 1) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        HOSTILE[name](tar)
    before = set(tmp_path.rglob("*"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    with pytest.raises(DataError):
        read_archive(path, SMALL)
    assert time.monotonic() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 600 * 2**10
    assert set(tmp_path.rglob("*")) == before
    assert not Path("/tmp/aedenoise-evil.png").exists()


@pytest.mark.scorecard(21)
def test_hostile_images_in_a_good_archive_are_unreadable(tmp_path: Path) -> None:
    wide = png(np.zeros((28, 29), np.uint8))
    jpeg = io.BytesIO()
    Image.new("L", (28, 28)).save(jpeg, "JPEG")
    bad = [("notMNIST_small/A/wide.png", wide), ("notMNIST_small/B/j.png", jpeg.getvalue())]
    read = read_archive(pack(tmp_path / "a.tar.gz", [*letters(60), *bad]), SMALL)
    assert read.unreadable == ("A/wide.png", "B/j.png")
    assert len(read.image) == 60


# Downloads, from a real server of this machine.


class _Server(http.server.BaseHTTPRequestHandler):
    content = b""

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        body = b"<html>moved</html>" if self.path == "/page" else self.content
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/breaks" else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    # Begins as gzip does: content that happens to begin with `<` would be taken for a web page.
    _Server.content = b"\x1f\x8b" + os.urandom(99_998)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def _get(tmp_path: Path, *sources: str, size: int = 100_000, sha256: str | None = None) -> Path:
    sha256 = sha256 or hashlib.sha256(_Server.content).hexdigest()
    return download("a.tar.gz", size, sha256, tmp_path / "downloads", sources)


def test_a_download_is_checked_and_kept(server: str, tmp_path: Path) -> None:
    path = _get(tmp_path, f"{server}/missing", f"{server}/good")
    assert path.read_bytes() == _Server.content
    assert _get(tmp_path) == path  # no source is asked again
    path.write_bytes(b"spoilt")
    assert _get(tmp_path, f"{server}/good").read_bytes() == _Server.content


@pytest.mark.scorecard(20)
@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("missing", "HTTP 404"),
        ("page", "a web page, no archive"),
        ("breaks", "50,000 bytes, expected 100,000|broke off after"),
        ("good?size", "more than 99,000 bytes, expected 99,000"),
        ("good?digest", "SHA-256 [0-9a-f]{64}, expected 0000"),
    ],
)
def test_bad_downloads_are_one_error_and_leave_nothing(
    server: str, tmp_path: Path, place: str, words: str
) -> None:
    size = 99_000 if place.endswith("size") else 100_000
    digest = "0" * 64 if place.endswith("digest") else None
    with pytest.raises(DataError, match=words):
        _get(tmp_path, f"{server}/{place}", size=size, sha256=digest)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.scorecard(20)
def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be downloaded .*Connection refused"):
        _get(tmp_path, "http://127.0.0.1:9/a")


@pytest.mark.parametrize("facts", ARCHIVES.values(), ids=ARCHIVES)
def test_every_archive_has_addresses_and_one_digest(facts) -> None:
    rows = Path("aedenoise/data/checksums.tsv").read_text().splitlines()
    of_file = [row.split("\t") for row in rows if row.endswith(facts.file)]
    assert [row[0] for row in of_file] == addresses(facts.file)
    assert {(int(row[1]), row[2]) for row in of_file} == {(facts.size, facts.sha256)}
