"""Files: compression by what they hold, bounds, and writing without halves."""

import bz2
import gzip
import io
import lzma
import os
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput, KgmemError, NotFound, TooLarge
from kgmem.formats.io import compression
from kgmem.formats.io.files import create_file, open_file
from kgmem.formats.registry import format_of

DATA = b'{"key": "a"}\n' * 5


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, lambda d: lzma.compress(d) + lzma.compress(b"")])
def test_a_file_is_decompressed_by_what_it_holds(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(pack(DATA))
    with open_file(path) as opened:
        assert opened.stream.read() == DATA
        assert opened.position() == opened.size == path.stat().st_size


def test_a_file_that_another_thread_has_closed_was_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    with open_file(path) as opened:
        opened.raw.close()
        assert opened.position() == opened.size


def test_several_compressed_parts_are_read_as_one(tmp_path: Path) -> None:
    for pack in (gzip.compress, lzma.compress):
        path = tmp_path / "x"
        path.write_bytes(pack(DATA) + pack(DATA))
        with open_file(path) as opened:
            assert opened.stream.read() == DATA * 2


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_file_that_was_cut_is_refused(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(pack(DATA * 1000)[:-9])
    with open_file(path) as opened, pytest.raises(InvalidInput, match=r"x\.jsonl\.gz cannot be decompressed"):
        opened.stream.read()


def test_a_file_made_to_swell_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(bytes(100 * 1024 * 1024), 9))
    with open_file(path) as opened, pytest.raises(TooLarge, match="swells"):
        sum(len(opened.stream.read(1024 * 1024)) for _ in range(100))


def test_zstd_without_its_library_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "_zstandard", None)
    path = tmp_path / "x.jsonl.zst"
    path.write_bytes(compression.ZSTD + b"...")
    with pytest.raises(InvalidInput, match="pip install zstandard"), open_file(path):
        pass


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"), open_file(tmp_path / "none.csv"):
        pass
    with pytest.raises(InvalidInput, match="cannot be read"), open_file(tmp_path):
        pass


def test_standard_input_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(DATA))))
    with open_file("-") as opened:
        assert opened.stream.read() == DATA
        assert opened.size is None


def test_who_waits_for_a_pipe_is_stopped_and_who_reads_a_file_is_not(tmp_path: Path) -> None:
    pipe, file, stopped = tmp_path / "pipe.jsonl", tmp_path / "x.jsonl", Event()
    file.write_bytes(DATA)
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)  # So that neither end waits for the other.
    try:
        os.write(writer, DATA)
        with open_file(pipe, stopped) as opened:
            assert opened.stream.readline() == b'{"key": "a"}\n'
            Timer(0.2, stopped.set).start()
            with pytest.raises(KgmemError, match="was stopped"):
                opened.stream.read()
    finally:
        os.close(writer)
    with open_file(file, stopped) as opened:
        assert opened.stream.read() == DATA


@pytest.mark.parametrize(("suffix", "unpack"), [("", bytes), (".gz", gzip.decompress), (".xz", lzma.decompress)])
def test_a_file_is_compressed_by_its_suffix(tmp_path: Path, suffix: str, unpack: Any) -> None:
    path = tmp_path / f"x.jsonl{suffix}"
    with create_file(path) as stream:
        stream.write(DATA)
    assert unpack(path.read_bytes()) == DATA


def test_no_half_of_a_file_is_left_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"before")
    with pytest.raises(TypeError):
        _write(path, [DATA, None])
    assert [p.name for p in tmp_path.iterdir()] == ["x.jsonl"]
    assert path.read_bytes() == b"before"


def _write(path: Path, parts: list[Any]) -> None:
    with create_file(path) as stream:
        stream.writelines(parts)


def test_the_extension_tells_the_format() -> None:
    assert format_of("a/b.JSONL.gz").name == "jsonl"
    assert format_of("b.csv").name == "csv"
    assert format_of("-", "csv").name == "csv"
    for path, named in (("-", None), ("x.bz2", None), ("x.csv", "shapefile")):
        with pytest.raises(InvalidInput, match=r"format|extension"):
            format_of(path, named)


def test_an_unknown_compression_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(bz2.compress(DATA))
    with open_file(path) as opened:
        assert opened.stream.read(3) == b"BZh"
