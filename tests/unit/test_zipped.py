"""Zip files: read whole, and refused when they are made to harm."""

import errno
import gzip
import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.io import zip_files
from kgmem.formats.kgmem.jsonl import dump
from kgmem.formats.records import Located, ReadOptions, Rejected, WriteOptions
from kgmem.formats.registry import format_of
from tests.files import Parts


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def read(raw: bytes, **told: Any) -> list[Any]:
    return list(zip_files.read(io.BytesIO(raw), ReadOptions(**told)))


@pytest.mark.parametrize("format_", ["neo4j-csv", "parquet"])
def test_the_files_of_an_export_are_read_back_from_one_zip_file(format_: str) -> None:
    items = [Entity("a", "A", "Ann", {"x": {"y": 1}}), Entity("b", "B"), Relationship("R", "a", "b", key="r")]
    parts, found = Parts(), format_of("x", format_)
    assert found.parts is not None
    writer = found.parts(parts.open, WriteOptions())
    writer.write(items)
    writer.close()
    got = read(packed(parts.files))
    assert [dump(item.record) for item in got] == [dump(item) for item in items]


def test_each_file_is_read_by_the_format_that_its_name_tells_and_lines_are_its_own() -> None:
    files = {
        "in/a.csv": b"key,n:integer\na,1\nb,many\n",
        "in/b.jsonl.gz": gzip.compress(b'{"key": "c"}\n'),
        "__MACOSX/a.csv": b"noise",
        "in/.hidden.csv": b"noise",
        "README.txt": b"Hello",
        "inner.zip": packed({"a.csv": b"key\nz\n"}),
    }
    found = read(packed(files))
    assert [(type(item), item.line) for item in found] == [
        (Located, 2), (Rejected, 3), (Located, 1), (Rejected, 1), (Rejected, 1),
    ]  # fmt: skip
    assert found[1].reason.startswith("in/a.csv: n is 'many'")
    assert [item.record for item in found[3:]] == ["README.txt", "inner.zip"]


def test_options_go_to_the_files_that_have_them() -> None:
    files = {"a.csv": b"key;n\na;1\n", "b.jsonl": b'{"key": "b"}\n'}
    assert len(read(packed(files), options={"delimiter": ";"})) == 2
    with pytest.raises(InvalidInput, match="has an option 'colour'"):
        read(packed(files), options={"colour": "red"})


def test_a_stream_that_cannot_be_read_anywhere_is_spooled() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert len(list(zip_files.read(Pipe(packed({"a.csv": b"key\na\n"})), ReadOptions()))) == 1


def test_a_file_in_it_that_cannot_be_understood_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"b\.csv: The header .* does not tell"):
        read(packed({"a.csv": b"key\na\n", "b.csv": b"x,y\n1,2\n"}))


def test_a_zip_file_made_to_swell_is_refused() -> None:
    with pytest.raises(TooLarge, match="would swell to 104857600"):
        read(packed({"a.csv": bytes(100 * 1024 * 1024)}))


@pytest.mark.parametrize("harm", ["cut", "flipped", "locked", "other"])
def test_a_damaged_zip_file_is_refused(harm: str) -> None:
    raw = bytearray(packed({"a.csv": b"key,n\n" + b"".join(b"k%d,1\n" % n for n in range(5000))}))
    if harm == "cut":
        raw = raw[: len(raw) // 2]
    elif harm == "flipped":
        raw[len(raw) // 2] ^= 0xFF
    elif harm == "locked":
        at = raw.index(b"PK\x01\x02")
        raw[at + 8 : at + 10] = struct.pack("<H", 1)
        raw[6:8] = struct.pack("<H", 1)
    else:
        raw = bytearray(b"key\na\n")
    with pytest.raises(InvalidInput, match=r"no zip file|cannot be unpacked"):
        read(bytes(raw))


def test_an_error_of_the_machine_is_not_taken_for_a_damaged_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Iterator[Located]:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield

    monkeypatch.setattr(zip_files, "format_of", lambda name: replace(format_of(name), read=full))
    with pytest.raises(OSError, match="No space left"):
        read(packed({"a.jsonl": b"{}"}))
