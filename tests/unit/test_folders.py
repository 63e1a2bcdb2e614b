"""Exports of several files: into a folder or a zip file, all or nothing."""

import io
import zipfile
from pathlib import Path

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.files import create_file
from kgmem.formats.io.folders import create_parts
from kgmem.formats.records import OpenPart

FILES = {"b.csv": b"key\na\n", "a.parquet": b"PAR1"}


def write(open_part: OpenPart) -> None:
    for name, data in FILES.items():
        with open_part(name) as stream:
            stream.write(data[:2])
            stream.write(data[2:])
            assert stream.tell() == len(data)


def break_off(target: str) -> None:
    with create_parts(target) as open_part:
        write(open_part)
        with open_part("c.csv") as part:
            part.write(b"half")
            raise RuntimeError("broken")


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_gets_the_files(tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "out"
    if exists:
        target.mkdir()
        (target / "b.csv").write_bytes(b"old")
        (target / "mine.txt").write_bytes(b"mine")
    with create_parts(str(target) + "/") as open_part:
        write(open_part)
        assert not exists or held(target)["b.csv"] == b"old"
    assert held(target) == FILES | ({"mine.txt": b"mine"} if exists else {})
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_target_gets_a_zip_file_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("x.zip", "y.zip"):
        with create_parts(tmp_path / name) as open_part:
            write(open_part)
    assert (tmp_path / "x.zip").read_bytes() == (tmp_path / "y.zip").read_bytes()
    stream = io.BytesIO()
    with create_parts(stream) as open_part:
        write(open_part)
    with zipfile.ZipFile(stream) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES


@pytest.mark.parametrize("name", ["out/", "out.zip"])
def test_an_export_that_was_broken_off_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        break_off(f"{tmp_path}/{name}")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="cannot be written"), create_parts(f"{tmp_path}/file/out/"):
        pass
    with pytest.raises(InvalidInput, match="is a folder"), create_file(tmp_path):
        pass
