"""Reading from and writing to Bolt servers that refuse, fail, are old, or say what nobody expects."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from kgmem.bridges.neo4j import connection
from kgmem.bridges.servers import Server, destination, names_server, origin
from kgmem.domain.errors import Forbidden, InvalidInput, KgmemError, NotFound, Unauthenticated, Unavailable
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.time.interval import DAY, SECOND, parse_time
from kgmem.formats.records import Located, ReadOptions, Rejected, WriteOptions
from tests.bolt_stub import Refusal, Rows, Structure, answering

NOTHING: Rows = ((), ())
IDS = ("id",)
NODE = ("id", "labels", "properties", "natural")


def read(server: Server, query: str | None = None, **options: str) -> list[Located | Rejected]:
    return list(origin(server, query).read(ReadOptions(options=options)))


def holding(*nodes: Mapping[str, Any]) -> Any:
    """What answers like a database that holds nodes with these properties."""

    def answer(statement: str, parameters: Mapping[str, Any]) -> Rows:
        if statement.startswith("MATCH (n) RETURN elementId(n)"):
            return IDS, [[f"{n}"] for n in range(len(nodes))]
        if statement.startswith("UNWIND"):
            return NODE, [[id_, ["N"], nodes[int(id_)], None] for id_ in parameters["ids"]]
        return IDS, ()

    return answer


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("bolt://host", True), ("NEO4J+S://host:1", True), ("bolt+ssc://[::1]:7687", True), ("bolt", False),
        ("http://host", False), ("file.bolt", False), ("bolt:/host", False), (b"bolt://host", False),
    ],
)  # fmt: skip
def test_an_address_is_told_from_a_file(text: Any, named: bool) -> None:
    assert names_server(text) is named


@pytest.mark.parametrize(
    "url", ["bolt://", "bolt://host/db", "bolt://host:0", "bolt://host:x", "http://host", "bolt://[::1"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    for bridge in (origin, destination):
        with pytest.raises(InvalidInput, match="address"):
            bridge(Server(url))


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    for url in ("bolt://neo4j:pa55@host", "bolt://:pa55@host", "bolt://pa55@host"):
        with pytest.raises(InvalidInput, match="KGMEM_NEO4J_PASSWORD") as refusal:
            origin(Server(url))
        assert "pa55" not in str(refusal.value)
    assert "pa55" not in repr(Server("bolt://host", None, "neo4j", "pa55"))


@pytest.mark.long
def test_the_driver_is_loaded_when_a_server_is_named_and_its_absence_says_what_to_install() -> None:
    code = """
import sys
import kgmem.cli.transfer
from kgmem.bridges.servers import Server, origin
from kgmem.domain.errors import InvalidInput
assert "neo4j" not in sys.modules
sys.modules["neo4j"] = None
try:
    origin(Server("bolt://host"))
except InvalidInput as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert "is not installed. pip install 'kgmem[neo4j]'" in done.stdout


def test_only_reading_is_asked_for_and_the_database_is_named() -> None:
    with answering(holding({"a": 1})) as (stub, server):
        assert len(read(server)) == 1
        assert {(began["mode"], began["db"]) for began in stub.began} == {("r", "db")}
        assert {hello["user_agent"] for hello in stub.said_hello} == {"kgmem"}


@pytest.mark.long
def test_a_transaction_that_the_server_gives_up_is_done_again() -> None:
    refusals = iter([Refusal("Neo.TransientError.Transaction.DeadlockDetected")] * 2)
    nodes = holding({"name": "a"}, {"name": "b"})

    def answer(statement: str, parameters: Mapping[str, Any]) -> Rows:
        if refusal := next(refusals, None):
            raise refusal
        return nodes(statement, parameters)

    with answering(answer) as (stub, server):
        assert [one.record.name for one in read(server) if isinstance(one, Located)] == ["a", "b"]  # type: ignore[union-attr]
        assert len(stub.statements) > 4


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("Neo.ClientError.Security.Unauthorized", Unauthenticated, "'neo4j' with this password"),
        ("Neo.ClientError.Security.Forbidden", Forbidden, "says: no"),
        ("Neo.ClientError.Database.DatabaseNotFound", NotFound, "no database 'db'"),
        ("Neo.ClientError.Statement.SyntaxError", InvalidInput, "Correct the query"),
        ("Neo.ClientError.Statement.AccessMode", InvalidInput, "only reads"),
        ("Neo.ClientError.Transaction.TransactionTimedOut", InvalidInput, "says: no"),
        ("Neo.DatabaseError.General.UnknownError", Unavailable, "says: no"),
        ("Neo.TransientError.General.OutOfMemoryError", Unavailable, "says: no"),
    ],
)
def test_every_refusal_is_told_as_kgmems_error(
    monkeypatch: pytest.MonkeyPatch, code: str, error: type[KgmemError], message: str
) -> None:
    monkeypatch.setattr(connection.Connection.__init__, "__kwdefaults__", {"patience": 0.0})

    def answer(statement: str, parameters: Mapping[str, Any]) -> Rows:
        if statement == "the query":
            raise Refusal(code)
        return IDS, ()

    with answering(answer) as (_, server), pytest.raises(error, match=message) as told:
        read(server, "the query")
    assert "secret-password" not in str(told.value)
    assert told.value.hint


def test_a_server_without_element_ids_is_asked_by_numbers() -> None:
    def answer(statement: str, parameters: Mapping[str, Any]) -> Rows:
        if "elementId" in statement:
            raise Refusal("Neo.ClientError.Statement.SyntaxError", "Unknown function 'elementId'")
        if statement.startswith("UNWIND"):
            assert parameters["ids"] == [11, 7]
            return NODE, [[id_, ["N"], {"n": id_}, None] for id_ in parameters["ids"]]
        if statement.startswith("MATCH (a)"):
            assert parameters["ids"] == [3]
            ends = ("start_id", "start_natural", "start_key", "end_id", "end_natural", "end_key")
            return ("id", "kind", "properties", *ends), [[3, "K", {}, 7, None, None, 11, None, None]]
        return IDS, [[7], [11]] if "(n)" in statement else [[3]]

    for version in ((5, 4), (4, 4)):
        with answering(answer, version) as (stub, server):
            found = [one.record for one in read(server) if isinstance(one, Located)]
        assert [one.key for one in found[:2]] == ["11", "7"]
        assert isinstance(found[2], Relationship)
        assert (found[2].start, found[2].end) == ("7", "11")
        assert any("elementId" in statement for statement in stub.statements) is (version >= (5, 0))


def test_a_value_that_the_driver_cannot_read_costs_only_its_node() -> None:
    nowhere = Structure("i", [0, 0, "Nowhere/Land"])  # A time in a zone that is not.
    with answering(holding({"ok": 1}, {"time": nowhere, "ok": 2}, {"ok": 3})) as (_, server):
        found = read(server)
    assert [type(one) for one in found] == [Located, Rejected, Located]
    assert isinstance(found[1], Rejected)
    assert "Nowhere/Land" in found[1].reason
    assert (found[1].line, '"ok":2' in found[1].record) == (2, True)


def test_times_of_years_that_python_has_not_are_read() -> None:
    def since_1970(time: str, unit: int) -> int:
        return (parse_time(time).start or 0) // unit

    held = {
        "died": Structure("D", [since_1970("-0043-03-15", DAY)]),
        "local": Structure("d", [since_1970("-0058-12-05T14:13:20Z", SECOND), 5_000_000]),
        "zoned": Structure("I", [since_1970("11476-08-15T05:20:00Z", SECOND), 0, 3600]),
        "valid_from": Structure("D", [since_1970("-0495-11-21", DAY)]),
    }
    with answering(holding(held)) as (_, server):
        (found,) = read(server)
    assert isinstance(found, Located)
    assert isinstance(found.record, Entity)
    assert dict(found.record.properties) == {
        "died": "-0043-03-15",
        "local": "-0058-12-05T14:13:20.005",
        "zoned": "11476-08-15T05:20:00Z",
    }
    assert found.record.valid_from == "-0495-11-21"


def test_a_key_that_the_driver_cannot_read_costs_only_its_node() -> None:
    def answer(statement: str, parameters: Mapping[str, Any]) -> Rows:
        if statement.startswith("UNWIND"):
            return NODE, [[id_, [], {}, Structure("i", [0, 0, "Nowhere"])] for id_ in parameters["ids"]]
        return IDS, [["1"]] if "elementId(n)" in statement else ()

    with answering(answer) as (_, server):
        (found,) = read(server, key="x")
    assert isinstance(found, Rejected)
    assert "none that the driver knows" in found.reason


def test_a_node_that_no_entity_can_be_is_rejected_with_all_that_it_says() -> None:
    with answering(holding({"valid_from": "2000", "valid_to": "1999"}, {"x": "y" * 70_000})) as (_, server):
        turned, large = read(server)
    assert isinstance(turned, Rejected)
    assert isinstance(large, Rejected)
    assert "not after" in turned.reason
    assert '"valid_from":"2000"' in turned.record
    assert "bytes of JSON" in large.reason
    assert len(large.record) < 5000


def test_options_that_do_not_exist_are_named() -> None:
    nowhere = Server("bolt://127.0.0.1:1")
    for options in ({"keys": "a"}, {"edge_ids": "no"}):
        with pytest.raises(InvalidInput, match=r"keys|edge_ids"):
            read(nowhere, **options)
    for options in ({"page": "1"}, {"batch": "0"}, {"batch": "x"}, {"index": "no"}, {"label": ""}, {"properties": "x"}):
        with (
            pytest.raises(InvalidInput, match=next(iter(options))),
            destination(nowhere).writer(WriteOptions(options=options)),
        ):
            pass


@pytest.mark.parametrize("accepted", [0, 1, 2, 3])
def test_nodes_are_only_written_where_they_can_be_found_by_an_index(accepted: int) -> None:
    tries: list[str] = []

    def answer(statement: str, parameters: Mapping[str, Any]) -> Rows:
        if statement.startswith("CREATE"):
            tries.append(statement)
            if len(tries) <= accepted:
                raise Refusal("Neo.ClientError.Statement.SyntaxError")
        return NOTHING

    with answering(answer) as (stub, server), destination(server).writer(WriteOptions()) as writer:
        if accepted < 3:
            writer.write([Entity("a")])
            writer.close()
            assert any(statement.startswith("UNWIND $rows") for statement in stub.statements)
        else:
            with pytest.raises(InvalidInput, match=r"CREATE CONSTRAINT .* index=skip"):
                writer.write([Entity("a")])
    assert len(tries) == min(accepted + 1, 3)


def test_names_with_backticks_stay_names() -> None:
    with (
        answering(lambda statement, _: (("written",), [[1]] if "written" in statement else ())) as (stub, server),
        destination(server).writer(WriteOptions(options={"index": "skip", "label": "L`L"})) as writer,
    ):
        writer.write([Entity("a", "A`) DETACH DELETE (n"), Relationship("K`]", "a", "a")])
        writer.close()
    assert "MERGE (n:`L``L`:`A``) DETACH DELETE (n` {`kgmem_id`: row.id})" in stub.statements[1]
    assert "[r:`K``]` {" in stub.statements[2]


@contextmanager
def saying(data: bytes) -> Iterator[Server]:
    """A server that says this to everybody, and hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client:
                client.recv(20)
                client.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield Server(f"bolt://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        listening.close()


def said(data: bytes) -> bytes:
    chunks = (data[at : at + 60_000] for at in range(0, len(data), 60_000))
    return b"\0\0\4\5" + b"".join(len(chunk).to_bytes(2, "big") + chunk for chunk in chunks) + b"\0\0"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\0\0\x09",
        b"\0\0\4\5" + b"\xff" * 50,
        said(b"\xb1\x7f\xff"),
        said(b"\xb1\x70\xa1\x81a" + b"\x91" * 100_000 + b"\xc0"),
        said(b"\xb1\x70\xda\x7f\xff\xff\xff"),
        said(b"\xb1\x70\xa1\xd2\x7f\xff\xff\xffabc"),
        said(b"\xb1\x70\xa1\x86server\x8bNeo4j/5.0.0") + b"\0\3\0\1\2\0\0",
    ],
    ids=["nothing", "ssh", "http", "bolt 9", "cut", "no map", "nested", "huge map", "huge text", "no message"],
)
def test_what_is_no_bolt_server_is_told_as_an_error_that_says_so(data: bytes) -> None:
    with saying(data) as server, pytest.raises((InvalidInput, Unavailable), match=r"127\.0\.0\.1"):
        read(server)
