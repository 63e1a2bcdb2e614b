"""A server that speaks Bolt and answers what a test tells it to: for what no real server does when it is asked to."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from kgmem.bridges.servers import Server

_SUCCESS, _RECORD, _IGNORED, _FAILURE = 0x70, 0x71, 0x7E, 0x7F
_HELLO, _GOODBYE, _RESET, _RUN, _BEGIN = 0x01, 0x02, 0x0F, 0x10, 0x11  # Others are answered without a look.
_DISCARD, _PULL, _LOGON = 0x2F, 0x3F, 0x6A


@dataclass(frozen=True)
class Structure:
    """A structure of PackStream, such as a date (tag D): for values that a driver makes objects of."""

    tag: str | int
    fields: Sequence[Any]


@dataclass
class Refusal(Exception):
    """The server answers with an error."""

    code: str
    message: str = "no"


Rows: TypeAlias = tuple[Sequence[str], Sequence[Sequence[Any]]]
Answer: TypeAlias = Callable[[str, Mapping[str, Any]], Rows]


class BoltStub:
    """The server, and what it was asked."""

    def __init__(self, answer: Answer, version: tuple[int, int]) -> None:
        self._answer = answer
        self._version = version
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"bolt://127.0.0.1:{self._listening.getsockname()[1]}"
        self.statements: list[str] = []
        self.began: list[Mapping[str, Any]] = []
        self.said_hello: list[Mapping[str, Any]] = []
        self.logons: list[Mapping[str, Any]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, EOFError):
            _exactly(client, 20)
            client.sendall(bytes((0, 0, self._version[1], self._version[0])))
            failed, rows = False, iter(())  # type: bool, Iterator[Sequence[Any]]
            while True:
                tag, fields = _unpacked(_message(client))
                if tag == _GOODBYE:
                    return
                if tag == _RESET:
                    failed = False
                    _send(client, _SUCCESS, {})
                elif failed:
                    _send(client, _IGNORED)
                else:
                    try:
                        rows = self._handle(client, tag, fields, rows)
                    except Refusal as refusal:
                        failed = True
                        _send(client, _FAILURE, {"code": refusal.code, "message": refusal.message})

    def _handle(self, client: socket.socket, tag: int, fields: Any, rows: Iterator[Any]) -> Iterator[Any]:
        if tag == _HELLO:
            self.said_hello.append(fields[0])
            _send(client, _SUCCESS, {"server": "Neo4j/5.19.0", "connection_id": "bolt-1"})
        elif tag == _RUN:
            self.statements.append(fields[0])
            names, found = self._answer(fields[0], fields[1])
            _send(client, _SUCCESS, {"fields": list(names), "t_first": 0})
            return iter(found)
        elif tag in {_PULL, _DISCARD}:
            left = 0 if tag == _DISCARD else fields[0]["n"]
            for row in rows:
                _send(client, _RECORD, list(row))
                left -= 1
                if left == 0:
                    _send(client, _SUCCESS, {"has_more": True})
                    return rows
            _send(client, _SUCCESS, {"has_more": False, "type": "r"})
        else:
            if tag in {_BEGIN, _LOGON}:
                (self.began if tag == _BEGIN else self.logons).append(fields[0])
            _send(client, _SUCCESS, {})
        return rows


@contextmanager
def answering(answer: Answer, version: tuple[int, int] = (5, 4)) -> Iterator[tuple[BoltStub, Server]]:
    """A server that answers so."""
    stub = BoltStub(answer, version)
    try:
        yield stub, Server(stub.url, "db", "neo4j", "secret-password")
    finally:
        stub.close()


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _message(client: socket.socket) -> bytes:
    data = b""
    while size := int.from_bytes(_exactly(client, 2), "big"):
        data += _exactly(client, size)
    return data


def _send(client: socket.socket, tag: int, *fields: Any) -> None:
    data = _packed(Structure(tag, fields))
    chunks = (data[at : at + 0xFFFF] for at in range(0, len(data), 0xFFFF))
    client.sendall(b"".join(struct.pack(">H", len(chunk)) + chunk for chunk in chunks) + b"\0\0")


def _packed(value: Any) -> bytes:
    """A value as PackStream says it, sizes always in four bytes."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return b"\xcb" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xc1" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return b"\xce" + struct.pack(">I", len(value)) + value
    if isinstance(value, str):
        return b"\xd2" + struct.pack(">I", len(value.encode())) + value.encode()
    if isinstance(value, Structure):
        tag = value.tag if isinstance(value.tag, int) else ord(value.tag)
        return bytes((0xB0 | len(value.fields), tag)) + b"".join(map(_packed, value.fields))
    if isinstance(value, Mapping):
        pairs = b"".join(_packed(name) + _packed(held) for name, held in value.items())
        return b"\xda" + struct.pack(">I", len(value)) + pairs
    return b"\xd6" + struct.pack(">I", len(value)) + b"".join(map(_packed, value))


def _unpacked(data: bytes) -> tuple[int, list[Any]]:
    """Tag and fields of a message."""
    reader = _Unpacker(data)
    size = reader.take(1)[0] & 0x0F
    tag = reader.take(1)[0]
    return tag, [reader.value() for _ in range(size)]


class _Unpacker:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def value(self) -> Any:
        mark = self.take(1)[0]
        if mark < 0x80 or mark >= 0xF0:
            return mark if mark < 0x80 else mark - 0x100
        if mark < 0xB0:
            return self._sized(mark & 0xF0, mark & 0x0F)
        if mark in {0xC0, 0xC2, 0xC3}:
            return {0xC0: None, 0xC2: False, 0xC3: True}[mark]
        if mark == 0xC1:
            return struct.unpack(">d", self.take(8))[0]
        if mark in range(0xC8, 0xCC):
            return int.from_bytes(self.take(1 << (mark - 0xC8)), "big", signed=True)
        base = {0xCC: 0, 0xD0: 0x80, 0xD4: 0x90, 0xD8: 0xA0}[mark & 0xFC]
        return self._sized(base, int.from_bytes(self.take(1 << (mark & 0x03)), "big"))

    def _sized(self, kind: int, size: int) -> Any:
        if kind == 0x80:
            return self.take(size).decode()
        if kind == 0x90:
            return [self.value() for _ in range(size)]
        return {self.value(): self.value() for _ in range(size)} if kind == 0xA0 else self.take(size)
