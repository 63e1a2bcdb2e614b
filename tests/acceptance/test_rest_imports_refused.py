"""Imports over REST that must not work: bad parameters, broken and endless bodies, files made to do harm."""

import asyncio
import errno
import gzip
import io
import os
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.store.load import uploads as storage
from kgmem_api.app import create_app
from tests.memories import until
from tests.rest import GRAPH, Door, done, refused

IMPORTS = f"{GRAPH}/imports"
LINE = b'{"type": "entity", "key": "a"}\n'
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=edge"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with narrow limits."""
    return settings.model_copy(update={"max_upload": 3_000_000, "request_timeout": 1.0})


@pytest.fixture
async def memory(database_url: str, tmp_path: Path) -> AsyncIterator[Memory]:
    """A memory over a fresh database with a worker and a folder of its own."""
    settings = Settings(database_url=SecretStr(database_url), embedder="none", pool_size=4, home=tmp_path / "home")
    async with open_memory(settings, worker=True) as opened:
        yield opened


def left_over(door: Door) -> list[Path]:
    """Return what lies in the folder of uploads."""
    folder: Path = door.memory.ports.uploads._folder  # type: ignore[attr-defined]
    return [path for path in folder.iterdir() if path.is_dir()]


async def assert_unharmed(door: Door) -> None:
    """The server answers, holds no left-overs, and imports the next file."""
    assert done(await door.client.get("/health/ready"))
    found = await ended(door, await door.client.post(IMPORTS, params={"format": "jsonl"}, content=LINE))
    assert found["state"] == "done"
    assert left_over(door) == []


async def ended(door: Door, answer: httpx.Response) -> Any:
    """Return an import that was accepted, once it has ended and its files are removed."""
    found = done(answer, 202)

    async def has_ended() -> bool:
        nonlocal found
        found = done(await door.client.get(found["links"]["self"]))
        return found["state"] not in {"waiting", "running"} and not left_over(door)

    await until(has_ended)
    return found


def form(*parts: tuple[str, bytes]) -> bytes:
    """Return a form of parts, each with what stands behind Content-Disposition: form-data."""
    shown = [b"--edge\r\nContent-Disposition: form-data" + head.encode() + b"\r\n\r\n" + data for head, data in parts]
    return b"\r\n".join([*shown, b"--edge--\r\n"])


WRONG: list[tuple[dict[str, Any], int, list[str]]] = [
    ({}, 422, ["Nothing tells the format", "format="]),
    ({"format": "xls"}, 422, ["no format 'xls'", "jsonl"]),
    ({"format": "dot"}, 422, ["does not read"]),
    ({"name": "x.exe"}, 422, ["Nothing tells the format of 'x.exe'"]),
    ({"format": "jsonl", "option": "vocabulary"}, 422, ["names no value"]),
    ({"format": "turtle", "option": ["keys=keep", "keys=local"]}, 422, ["given twice"]),
    ({"format": "turtle", "option": "vocabulry=keep"}, 422, ["Did you mean 'vocabulary'"]),
    ({"format": "jsonl", "option": [f"a{n}=b" for n in range(60)]}, 422, ["50"]),
    ({"format": "jsonl", "scope": "a b"}, 422, ["not a scope"]),
    ({"format": "jsonl", "on_error": "panic"}, 422, ["on_error"]),
    ({"format": "jsonl", "kind": "thing"}, 422, ["kind"]),
    ({"format": "jsonl", "dryrun": "true"}, 422, ["'dryrun' is no parameter", "dry_run"]),
    ({"format": "csv", "mapping": "[[table"}, 422, ["TOML"]),
    ({"format": "csv", "mapping": "{not json"}, 422, ["JSON"]),
    ({"format": "csv", "mapping": '{"tabel": []}'}, 422, ["Did you mean 'table'"]),
    ({"format": "csv", "mapping": '{"table": ' + "[" * 900 + "]" * 900 + "}"}, 422, ["table"]),
]


@pytest.mark.long
async def test_wrong_parameters_are_told_before_anything_is_sent(door: Door) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    for parameters, status, words in WRONG:
        refused(await door.client.post(IMPORTS, params=parameters, content=never()), status, *words)
    assert left_over(door) == []


@pytest.mark.long
async def test_a_graph_that_is_not_there_takes_no_files(door: Door) -> None:
    refused(await door.client.post("/v1/graphs/nowhere/imports?format=jsonl", content=LINE), 404, "nowhere")


BROKEN: list[tuple[dict[str, str], bytes, int, list[str]]] = [
    ({}, b"", 400, ["empty"]),
    ({"Content-Encoding": "br"}, LINE, 422, ["'br'", "gzip"]),
    ({"Content-Encoding": "gzip"}, LINE, 400, ["not gzip"]),
    ({"Content-Type": "multipart/form-data"}, LINE, 400, ["boundary"]),
    ({"Content-Type": f"multipart/form-data; boundary={'x' * 300}"}, LINE, 400, ["cannot be read"]),
    (BOUNDARY, b"no form at all", 400, ["cannot be read"]),
    (BOUNDARY, form(), 400, ["no file"]),
    (BOUNDARY, form(("", LINE)), 400, ["has no name"]),
    (BOUNDARY, form(("; name=kind", b"entity")), 400, ["no file"]),
    (BOUNDARY, form(("; name=f; filename=a.jsonl", LINE))[:-9], 400, ["ends in the middle"]),
    (BOUNDARY, form((f"; name={'n' * 9000}", b"")), 400, ["cannot be read"]),
    (BOUNDARY, form(("; name=f; filename=a.exe", LINE)), 422, ["a.exe"]),
    (BOUNDARY, form(("; name=f; filename=a.jsonl", LINE), ("; name=colour", b"red")), 422, ["'colour'", "source"]),
    (BOUNDARY, form(("; name=f; filename=a.jsonl", LINE), ("; name=kind", b"thing")), 422, ["kind"]),
    (BOUNDARY, form(("; name=f; filename=a.jsonl", LINE), ("; name=source", b"a\0b")), 422, ["U+0000"]),
    (BOUNDARY, form(("; name=f; filename=a.jsonl", LINE), ("; name=source", b"\xff")), 422, ["UTF-8"]),
    (BOUNDARY, form(*[("; name=source", b"a"), ("; name=source", b"b")]), 422, ["twice"]),
    (BOUNDARY, form(("; name=source", b"x" * 20_000)), 413, ["too long"]),
    (BOUNDARY, form(*[(f"; name=f; filename={n}.jsonl", LINE) for n in range(1000)]), 413, ["100 files"]),
    (BOUNDARY, form(*[("; name=option", b"a=b")] * 1000), 413, ["100 fields"]),
    ({**BOUNDARY, "Content-Encoding": "gzip"}, gzip.compress(form()), 422, ["not compressed as a whole"]),
]


@pytest.mark.long
async def test_broken_bodies_and_forms_are_refused_and_leave_nothing(door: Door) -> None:
    for headers, body, status, words in BROKEN:
        address = IMPORTS if BOUNDARY.items() <= headers.items() else f"{IMPORTS}?format=jsonl"
        refused(await door.client.post(address, content=body, headers=headers), status, *words)
        assert left_over(door) == []
    assert done(await door.client.get(IMPORTS))["imports"] == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../../etc/passwd.jsonl", "passwd.jsonl"),
        ("..\\..\\windows\\a.jsonl", "a.jsonl"),
        ("/absolute/a.jsonl", "a.jsonl"),
        ("a:b<c*.jsonl", "a_b_c_.jsonl"),
        ("..jsonl", "..jsonl"),
        ("\u0416" * 400 + ".jsonl", "\u0416" * 97 + ".jsonl"),
    ],
)
async def test_names_of_files_lead_nowhere(door: Door, name: str, stored: str) -> None:
    files = {"file": (name, LINE)}
    accepted = done(await door.client.post(IMPORTS, files=files), 202)
    assert [file["name"] for file in accepted["files"]] == [stored]
    raw = await ended(door, await door.client.post(IMPORTS, params={"name": name}, content=LINE))
    assert [file["name"] for file in raw["files"]] == [stored]


@pytest.mark.long
async def test_a_body_that_says_it_is_too_large_is_not_read(door: Door) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    headers = {"Content-Length": "3000001"}
    refused(await door.client.post(f"{IMPORTS}?format=jsonl", content=never(), headers=headers), 413, "3000000")
    headers["Content-Length"] = "900000000"
    refused(await door.client.post(IMPORTS, content=never(), headers={**headers, **BOUNDARY}), 413, "3000000")


@pytest.mark.long
@pytest.mark.parametrize("headers", [{}, BOUNDARY])
async def test_an_endless_body_is_read_no_further_than_the_limit(door: Door, headers: dict[str, str]) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield form(("; name=f; filename=a.jsonl", b""))[:-12] if headers else b""
        while sent < 100_000_000:
            sent += 100_000
            yield b" " * 100_000

    address = IMPORTS if headers else f"{IMPORTS}?format=jsonl"
    answer = await door.client.post(address, content=endless(), headers=headers)
    refused(answer, 413, "3000000", "KGMEM_MAX_UPLOAD")
    assert sent <= 100_000_000  # The transport of this test reads all of it before.
    assert left_over(door) == []


@pytest.mark.long
async def test_a_client_that_falls_silent_is_not_waited_for(door: Door, settings: Settings) -> None:
    assert await _asked(door, settings, [LINE], asyncio.Event().wait) == 504
    assert left_over(door) == []


@pytest.mark.long
async def test_a_client_that_breaks_off_leaves_nothing(door: Door, settings: Settings) -> None:
    async def gone() -> dict[str, str]:
        assert len(left_over(door)) == 1
        return {"type": "http.disconnect"}

    assert await _asked(door, settings, [LINE * 50_000], gone) == 0
    assert left_over(door) == []
    assert done(await door.client.get(IMPORTS))["imports"] == []


async def _asked(door: Door, settings: Settings, chunks: list[bytes], then: Callable[[], Any]) -> int:
    """Send chunks and then what a function gives; gives the status of the answer, 0 without one."""
    status = 0
    messages = iter([{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks])

    async def receive() -> Any:
        return next(messages, None) or await then()

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = [(b"host", b"localhost"), (b"authorization", door.client.headers["authorization"].encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": IMPORTS,
        "raw_path": IMPORTS.encode(),
        "root_path": "",
        "query_string": b"format=jsonl",
        "headers": headers,
        "server": ("kgmem", 80),
        "client": ("test", 1),
    }
    await create_app(door.memory, settings=settings)(scope, receive, send)
    return status


async def test_a_disk_that_is_full_is_told(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_KEPT_FREE", 2**62)
    answer = await door.client.post(f"{IMPORTS}?format=jsonl", content=LINE)
    refused(answer, 507, "no room", "out-of-space")
    assert int(answer.headers["retry-after"]) > 1
    monkeypatch.undo()
    fsync = os.fsync

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused(await door.client.post(f"{IMPORTS}?format=jsonl", content=LINE), 507, "no room")
    monkeypatch.setattr(os, "fsync", fsync)
    assert left_over(door) == []
    await assert_unharmed(door)


def _has_escaped() -> bool:
    return Path("/tmp/evil.jsonl").exists()


def _zip_bomb() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.jsonl", "w") as member:
        for _ in range(300):
            member.write(b" " * 1_000_000)
    return held.getvalue()


_BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE g [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b']><graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph><node id="&j;"/></graph></graphml>'
)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "body", "words"),
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
    argvalues=[
        ("bomb.zip", _zip_bomb, "would swell to"),
        ("bomb.jsonl.gz", lambda: gzip.compress(b" " * 200_000_000), "250 times"),
        ("bomb.graphml", _BILLION_LAUGHS, "document type"),
        ("bomb.gexf", _BILLION_LAUGHS, "document type"),
        ("latin.csv", "key,label\ncafé,Bar\n".encode("latin-1"), "UTF-8"),
        ("wide.jsonl", LINE.decode().encode("utf-16"), "UTF-8"),
        ("noise.parquet", bytes(range(256)) * 40, "Parquet"),
        ("noise.zip", b"PK\x03\x04" + bytes(200), "zip"),
        ("noise.csv.gz", b"\x1f\x8b\x08" + bytes(range(200)), "decompressed"),
        ("deep.jsonl", b"[" * 200_000 + b"]" * 200_000, ""),
        ("traversal.zip", b"", ""),
    ],
)
async def test_malicious_files_end_in_a_failed_import_and_a_server_unharmed(
    door: Door, name: str, body: bytes | Callable[[], bytes], words: str
) -> None:
    if callable(body):  # What is large is made by its test.
        body = body()
    if name == "traversal.zip":
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("../../../../tmp/evil.jsonl", LINE)
        body = held.getvalue()
    found = await ended(door, await door.client.post(IMPORTS, params={"name": name}, content=body))
    rejected = (await door.client.get(found["links"]["rejected"])).text
    assert words in f"{found['error']} {rejected}", (found, rejected[:500])
    assert "/" not in (found["error"] or "").replace("and/or", ""), found["error"]
    if name == "traversal.zip":
        assert not _has_escaped()
    else:
        assert found["state"] == "failed" or found["rejected"] > 0
        assert found["created"] == 0
    await assert_unharmed(door)
