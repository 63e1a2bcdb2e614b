"""The Bolt server with the official driver, and with clients that break the protocol."""

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import neo4j
import pytest
from neo4j.exceptions import AuthError, ClientError, CypherSyntaxError, DatabaseError, Neo4jError, TransientError
from websockets.asyncio.client import connect

from kgmem.bolt import handshake
from kgmem.bolt.handshake import VERSIONS, Version
from kgmem.bolt.messages import Tag, framed
from kgmem.bolt.packstream import Packer, Structure, unpack
from kgmem.bolt.server import ServerOptions, serving
from kgmem.bolt.session import Limits
from kgmem.domain.errors import ServerError
from kgmem.query.values.elements import Node
from tests.bolt_backend import Backend
from tests.certificates import certificate
from tests.heartbeat import steadily

AUTH = ("neo4j", "secret")


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
async def address(backend: Backend) -> AsyncIterator[str]:
    async with serving(backend, ServerOptions("127.0.0.1", 0)) as bound:
        yield bound


@asynccontextmanager
async def driver(address: str, scheme: str = "bolt", **options: Any) -> AsyncIterator[neo4j.AsyncDriver]:
    async with neo4j.AsyncGraphDatabase.driver(f"{scheme}://{address}", **{"auth": AUTH, **options}) as opened:
        yield opened


def said(tag: Tag, *fields: Any) -> bytes:
    out = bytearray(2)
    Packer({}).pack(Structure(tag, fields), out)
    framed(out, 0)
    return bytes(out)


class Client:
    """Speaks Bolt by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, tag: Tag, *fields: Any) -> None:
        self.writer.write(said(tag, *fields))

    async def hear(self) -> Structure:
        parts = []
        while True:
            size = int.from_bytes(await self.reader.readexactly(2))
            if not size and parts:
                heard = unpack(b"".join(parts), Structure)
                assert isinstance(heard, Structure)
                return heard
            if size:
                parts.append(await self.reader.readexactly(size))

    async def told(self) -> tuple[Tag, Any]:
        heard = await self.hear()
        return Tag(heard.tag), (heard.fields or [None])[0]

    async def enter(self) -> None:
        facts = {"scheme": "basic", "principal": "neo4j", "credentials": "secret"}
        self.say(Tag.HELLO, {"user_agent": "tests/1.0", **facts})
        self.say(Tag.LOGON, facts)
        assert [(await self.told())[0] for _ in range(2)] == [Tag.SUCCESS] * 2

    async def ended(self) -> bool:
        return await self.reader.read() == b""


Talk = Callable[..., Awaitable[Client]]


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    """Opens connections, and agrees on a version where one is given."""
    clients: list[Client] = []

    async def opened(address: str, version: Version | None = None) -> Client:
        client = Client(*await asyncio.open_connection(*address.rsplit(":", 1)))
        clients.append(client)
        if version:
            client.writer.write(handshake.PREAMBLE + version.wire + bytes(12))
            assert await client.reader.readexactly(4) == version.wire
        return client

    yield opened
    for client in clients:
        client.writer.close()
        with contextlib.suppress(OSError):
            await client.writer.wait_closed()


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
async def test_a_driver_gets_what_it_sends_and_what_is_known_of_the_query(address: str, scheme: str) -> None:
    values = {
        "nothing": None, "text": "é" * 70_000, "list": [1, [2.5, True]], "map": {"a": {"b": b"\x00"}},
        "day": neo4j.time.Date(1969, 7, 20), "clock": neo4j.time.Time(20, 17, 40),
        "moment": neo4j.time.DateTime(1969, 7, 20, 20, 17, 40, 123_456_789, tzinfo=datetime.UTC),
        "length": neo4j.time.Duration(months=1, days=2, seconds=3, nanoseconds=4),
        "place": neo4j.spatial.WGS84Point((12.5, 55.6)), "far": neo4j.spatial.CartesianPoint((1.0, 2.0, 3.0)),
    }  # fmt: skip
    async with driver(address, scheme) as opened:
        records, summary, keys = await opened.execute_query("ECHO", values)
        assert records[0].data() == values
        assert keys == list(values)
        assert summary.database == "neo4j"
        _, summary, _ = await opened.execute_query("COUNT", n=3)
        assert summary.counters.nodes_created == 1
        assert summary.query_type == "rw"


async def test_more_rows_than_are_fetched_at_a_time_come_in_order(address: str) -> None:
    async with driver(address) as opened, opened.session(fetch_size=700) as session:
        result = await session.run("COUNT", n=10_000)
        assert [record["n"] async for record in result] == list(range(10_000))


async def test_queries_of_one_transaction_may_be_read_side_by_side(address: str, backend: Backend) -> None:
    async with driver(address) as opened, opened.session(fetch_size=10) as session:
        transaction = await session.begin_transaction()
        first, second = await transaction.run("COUNT", n=35), await transaction.run("COUNT", n=25)
        pairs = [(await anext(aiter(first)), await anext(aiter(second))) for _ in range(20)]
        assert [(a["n"], b["n"]) for a, b in pairs] == [(n, n) for n in range(20)]
        await transaction.commit()
    assert (backend.committed, backend.rolled_back) == (1, 0)


async def test_what_is_asked_of_a_transaction_reaches_the_backend(address: str, backend: Backend) -> None:
    async with driver(address) as opened, opened.session(database="other", default_access_mode="READ") as session:
        query = neo4j.Query("COUNT", timeout=1.5, metadata={"who": "tests"})
        await (await session.run(query, n=1)).consume()
        await (await session.run("COUNT", n=1)).consume()
        assert (await session.last_bookmarks()).raw_values == {"kgmem:2"}
    first, second = backend.began
    assert (first.database, first.write, first.timeout, first.metadata) == ("other", False, 1.5, {"who": "tests"})
    assert list(second.bookmarks) == ["kgmem:1"]


async def test_errors_have_the_codes_that_drivers_know(address: str, backend: Backend) -> None:
    async with driver(address) as opened:
        with pytest.raises(CypherSyntaxError, match="line 1, column 1") as caught:
            await opened.execute_query("FOO")
        assert caught.value.gql_status == "42001"
        with pytest.raises(ClientError, match="no graph nowhere") as caught:
            await opened.execute_query("COUNT", n=1, database_="nowhere")
        assert caught.value.code == "Neo.ClientError.Database.DatabaseNotFound"
        with pytest.raises(ClientError) as caught:
            await opened.execute_query("COUNT", n=1, impersonated_user_="other")
        assert "impersonation" in str(caught.value)
        with pytest.raises(DatabaseError, match="see the log"):
            await opened.execute_query("BREAK")
        assert [type(error) for error in backend.errors] == [ZeroDivisionError]
        assert (await opened.execute_query("COUNT", n=1)).records
    with pytest.raises(AuthError, match="kgmem key create"):
        async with driver(address, auth=("neo4j", "wrong")) as opened:
            await opened.verify_connectivity()


async def test_a_bearer_is_let_in_and_who_gives_nothing_is_not(address: str) -> None:
    async with driver(address, auth=neo4j.bearer_auth("secret")) as opened:
        await opened.verify_connectivity()
    with pytest.raises(Neo4jError):
        async with driver(address, auth=None) as opened:
            await opened.verify_connectivity()


async def test_a_query_that_nobody_waits_for_any_more_is_stopped(address: str, backend: Backend) -> None:
    async with driver(address) as opened, opened.session() as session:
        running = asyncio.create_task(session.run("WAIT"))
        await backend.waiting.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    await asyncio.wait_for(backend.forgotten.wait(), 10)
    assert backend.stopped == 1


async def test_reset_stops_a_running_query_and_the_connection_goes_on(
    address: str, backend: Backend, talk: Talk
) -> None:
    client = await talk(address, Version(5, 4))
    await client.enter()
    client.say(Tag.RUN, "WAIT", {}, {})
    client.say(Tag.PULL, {"n": -1})
    await backend.waiting.wait()
    client.say(Tag.RESET)
    client.say(Tag.RUN, "COUNT", {"n": 1}, {})
    client.say(Tag.PULL, {"n": -1})
    tags = [(await client.told())[0] for _ in range(6)]
    assert tags == [Tag.IGNORED, Tag.IGNORED, Tag.SUCCESS, Tag.SUCCESS, Tag.RECORD, Tag.SUCCESS]
    assert (backend.stopped, backend.rolled_back) == (1, 1)


async def test_after_an_error_all_is_ignored_until_reset(address: str, talk: Talk) -> None:
    client = await talk(address, Version(4, 4))
    client.say(Tag.HELLO, {"scheme": "bearer", "credentials": "secret"})
    assert (await client.told())[0] is Tag.SUCCESS
    for _ in range(2):
        client.say(Tag.RUN, "FOO", {}, {})
        client.say(Tag.PULL, {"n": -1})
        assert [(await client.told())[0] for _ in range(2)] == [Tag.FAILURE, Tag.IGNORED]
        client.say(Tag.RESET)
        assert (await client.told())[0] is Tag.SUCCESS


async def test_work_that_takes_long_is_heard_of(talk: Talk) -> None:
    backend = Backend()
    listening = ServerOptions("127.0.0.1", 0, limits=Limits(alive=0.05))
    async with serving(backend, listening) as address:
        client = await talk(address, Version(5, 8))
        await client.enter()
        client.say(Tag.RUN, "WAIT", {}, {})
        assert await client.reader.readexactly(4) == bytes(4)
        client.say(Tag.RESET)
        assert [(await client.told())[0] for _ in range(2)] == [Tag.IGNORED, Tag.SUCCESS]


async def test_a_transaction_that_is_open_for_too_long_is_undone(address: str, backend: Backend, talk: Talk) -> None:
    client = await talk(address, Version(5, 4))
    await client.enter()
    client.say(Tag.BEGIN, {"tx_timeout": 50})
    assert (await client.told())[0] is Tag.SUCCESS
    await asyncio.wait_for(backend.forgotten.wait(), 10)
    client.say(Tag.RUN, "COUNT", {"n": 1}, {})
    tag, facts = await client.told()
    assert tag is Tag.FAILURE
    assert facts["code"] == "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration"
    client.say(Tag.RESET)
    client.say(Tag.RUN, "WAIT", {}, {"tx_timeout": 50})
    assert [(await client.told())[0] for _ in range(2)] == [Tag.SUCCESS, Tag.FAILURE]
    assert (backend.stopped, backend.rolled_back) == (1, 2)


@pytest.mark.parametrize("version", VERSIONS, ids=str)
async def test_every_version_is_spoken(address: str, backend: Backend, version: Version, talk: Talk) -> None:
    backend.values = [Node(1, ("A",), {}, "n1")]
    client = await talk(address, version)
    facts = {"scheme": "basic", "principal": "neo4j", "credentials": "secret"}
    client.say(Tag.HELLO, {"user_agent": "tests/1.0", **(facts if version < Version(5, 1) else {})})
    if version >= Version(5, 1):
        client.say(Tag.LOGON, facts)
        assert (await client.told())[0] is Tag.SUCCESS
    client.say(Tag.BEGIN, {})
    client.say(Tag.RUN, "GIVE", {}, {})
    client.say(Tag.PULL, {"n": -1})
    client.say(Tag.COMMIT)
    told = [await client.told() for _ in range(6)]
    assert [tag for tag, _ in told] == [Tag.SUCCESS] * 3 + [Tag.RECORD] + [Tag.SUCCESS] * 2
    assert told[3][1][0].tag == 0x4E
    assert told[5][1] == {"bookmark": "kgmem:1"}
    client.say(Tag.ROUTE, {}, [], {})
    assert (await client.told())[1]["rt"]["servers"][0] == {"addresses": [address], "role": "ROUTE"}
    client.say(Tag.GOODBYE)
    assert await client.ended()


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x00\x02\xb0\x99\x00\x00",
        b"\x00\x01\x01\x00\x00",
        b"\x00\x04\xb1\x10\x81\xff\x00\x00",
        b"\x00\x02\xb0\x12\x00\x00",
        b"\x00\x03\xb1\x3f\xa0\x00\x00",
    ],
    ids=["unknown tag", "no structure", "not a string", "COMMIT without BEGIN", "PULL without RUN"],
)
async def test_who_breaks_the_protocol_is_told_and_shown_out(address: str, wrong: bytes, talk: Talk) -> None:
    client = await talk(address, Version(5, 4))
    await client.enter()
    client.writer.write(wrong)
    tag, facts = await client.told()
    assert tag is Tag.FAILURE
    assert facts["code"] == "Neo.ClientError.Request.Invalid"
    assert await client.ended()


async def test_nobody_sends_much_before_being_let_in(address: str, talk: Talk) -> None:
    client = await talk(address, Version(5, 4))
    client.say(Tag.HELLO, {"user_agent": "x" * 100_000})
    tag, facts = await client.told()
    assert (tag, "65536 bytes" in facts["message"]) == (Tag.FAILURE, True)
    assert await client.ended()


async def test_who_never_says_who_it_is_is_shown_out(talk: Talk) -> None:
    async with serving(Backend(), ServerOptions("127.0.0.1", 0, limits=Limits(admission=0.1))) as address:
        client = await talk(address, Version(5, 4))
        assert await client.ended()


async def test_a_key_is_asked_for_again_after_logoff(address: str, talk: Talk) -> None:
    client = await talk(address, Version(5, 4))
    await client.enter()
    client.say(Tag.LOGOFF)
    client.say(Tag.RUN, "COUNT", {"n": 1}, {})
    assert [(await client.told())[0] for _ in range(2)] == [Tag.SUCCESS, Tag.FAILURE]
    assert await client.ended()


async def test_a_version_that_nobody_has_is_refused(address: str, talk: Talk) -> None:
    client = await talk(address)
    client.writer.write(handshake.PREAMBLE + bytes.fromhex("00000009") * 4)
    assert await client.reader.read() == bytes(4)


async def test_there_are_only_so_many_connections(talk: Talk) -> None:
    async with serving(Backend(), ServerOptions("127.0.0.1", 0, connections=2)) as address:
        clients = [await talk(address, Version(5, 4)) for _ in range(2)]
        assert await (await talk(address)).ended()
        clients[0].say(Tag.GOODBYE)
        assert await clients[0].ended()
        await (await talk(address, Version(5, 4))).enter()


async def refused(client: Client) -> str:
    """Log on where that is refused; gives the code of the refusal, after which the connection is closed."""
    facts = {"scheme": "basic", "principal": "neo4j", "credentials": "secret"}
    client.say(Tag.HELLO, {"user_agent": "tests/1.0"})
    client.say(Tag.LOGON, facts)
    assert (await client.told())[0] == Tag.SUCCESS
    tag, told = await client.told()
    assert tag == Tag.FAILURE
    assert "2 open connections" in told["message"]
    assert await client.ended()
    return str(told["code"])


@pytest.mark.parametrize("end", ["goodbye", "close", "reset", "nonsense", "logoff"])
async def test_one_caller_has_only_its_share_until_a_connection_ends_however_it_does(
    backend: Backend, talk: Talk, end: str
) -> None:
    version = Version(5, 4)
    async with serving(backend, ServerOptions("127.0.0.1", 0, connections_per_caller=2)) as address:
        first, second = [await talk(address, version) for _ in range(2)]
        for client in (first, second):
            await client.enter()
        assert await refused(await talk(address, version)) == "Neo.TransientError.Request.NoThreadsAvailable"
        backend.identity = "another key"
        await (await talk(address, version)).enter()
        backend.identity = "its key"

        if end == "goodbye":
            first.say(Tag.GOODBYE)
        elif end == "close":
            first.writer.close()
        elif end == "reset":
            first.writer.transport.abort()
        elif end == "logoff":
            first.say(Tag.LOGOFF)
        else:
            first.say(Tag.HELLO, {})

        async with asyncio.timeout(5):
            while True:
                third = await talk(address, version)
                facts = {"scheme": "basic", "principal": "neo4j", "credentials": "secret"}
                third.say(Tag.HELLO, {"user_agent": "tests/1.0"})
                third.say(Tag.LOGON, facts)
                await third.told()
                if (await third.told())[0] == Tag.SUCCESS:
                    break
        assert await refused(await talk(address, version))


@pytest.mark.long
async def test_a_driver_tries_again_until_a_connection_of_its_key_is_free(backend: Backend) -> None:
    async with (
        serving(backend, ServerOptions("127.0.0.1", 0, connections_per_caller=1)) as address,
        driver(address) as one,
        driver(address) as other,
    ):
        session = one.session()
        await (await session.run("COUNT", n=1)).consume()

        async def ends() -> None:
            await session.close()
            await one.close()

        asyncio.get_running_loop().call_later(0.3, lambda: tasks.append(asyncio.create_task(ends())))
        tasks: list[asyncio.Task[None]] = []
        with pytest.raises(TransientError) as raised:
            await other.verify_connectivity()
        assert raised.value.code == "Neo.TransientError.Request.NoThreadsAvailable"
        records, _, _ = await other.execute_query("COUNT", n=1)
        assert len(records) == 1
        await asyncio.gather(*tasks)


async def test_five_hundred_connections_are_open_at_once(address: str, talk: Talk) -> None:
    clients = [await talk(address, Version(5, 4)) for _ in range(500)]
    for client in clients:
        await client.enter()
        client.say(Tag.RUN, "COUNT", {"n": 1}, {})
        client.say(Tag.PULL, {"n": -1})
    for client in clients:
        assert [(await client.told())[0] for _ in range(3)] == [Tag.SUCCESS, Tag.RECORD, Tag.SUCCESS]


@pytest.mark.long
async def test_a_reader_that_is_slow_is_waited_for(backend: Backend, talk: Talk) -> None:
    async with serving(backend, ServerOptions("127.0.0.1", 0)) as address:
        client = await talk(address, Version(5, 4))
        await client.enter()
        backend.values = ["x" * 1000] * 100_000
        client.say(Tag.RUN, "GIVE", {}, {})
        client.say(Tag.PULL, {"n": -1})
        await asyncio.sleep(0.3)
        taken = backend.results[-1].taken
        assert taken < 20_000  # The rest waits until the client reads.
        assert [(await client.told())[0] for _ in range(100_002)].count(Tag.RECORD) == 100_000


def _byte_by_byte(message: bytes) -> bytes:
    return b"".join(b"\x00\x01" + message[at : at + 1] for at in range(2, len(message) - 2)) + b"\x00\x00"


_PULL = said(Tag.PULL, {"n": -1})
LARGE: dict[str, Callable[[], bytes]] = {
    "many parameters": lambda: (
        said(Tag.RUN, "ECHO", {"rows": [{"id": n, "names": ["a", "b"]} for n in range(30_000)]}, {}) + _PULL
    ),
    "a long text": lambda: said(Tag.RUN, "ECHO", {"text": "x" * 10_000_000}, {}) + _PULL,
    "chunks of a byte": lambda: _byte_by_byte(said(Tag.RUN, "ECHO", {"text": "x" * 60_000}, {})) + _PULL,
    "empty chunks": lambda: b"\x00\x00" * 300_000 + said(Tag.RUN, "ECHO", {"a": 1}, {}) + _PULL,
    "many rows": lambda: said(Tag.RUN, "COUNT", {"n": 100_000}, {}) + _PULL,
    "many messages": lambda: (said(Tag.RUN, "ECHO", {"a": 1}, {}) + _PULL) * 2_000,
}


@pytest.mark.parametrize("name", LARGE)
async def test_a_client_that_sends_or_asks_for_much_does_not_hold_up_others(
    address: str, talk: Talk, name: str
) -> None:
    message = LARGE[name]() + said(Tag.GOODBYE)

    async def exchanged() -> tuple[int, bytes]:
        client = await talk(address, Version(5, 4))
        await client.enter()

        async def send() -> None:
            for at in range(0, len(message), 1 << 16):
                client.writer.write(message[at : at + (1 << 16)])
                await client.writer.drain()

        sending = asyncio.create_task(send())
        received, last = 0, b""
        while part := await client.reader.read(1 << 16):
            received, last = received + len(part), (last + part)[-200:]
        await sending
        return received, last

    received, last = await steadily(exchanged)
    assert b"\xb1\x70" in last  # SUCCESS, after whatever came before.
    assert b"\xb1\x7f" not in last
    if name in {"many parameters", "a long text"}:
        assert received > len(message) - 200


async def test_a_message_of_more_values_than_memory_should_hold_is_refused(address: str, talk: Talk) -> None:
    client = await talk(address, Version(5, 4))
    await client.enter()
    query = said(Tag.RUN, "ECHO", {"rows": []}, {})
    at = query.rindex(b"\x90")
    assert at == len(query) - 4
    body = query[2:at] + b"\xd6" + (6_000_000).to_bytes(4) + b"\xa0" * 6_000_000 + b"\xa0"
    message = b"".join(
        len(part).to_bytes(2) + part for part in (body[n : n + 0xFFFF] for n in range(0, len(body), 0xFFFF))
    )
    client.writer.write(message + b"\x00\x00")
    tag, facts = await client.told()
    assert tag is Tag.FAILURE
    assert "5,000,000 values" in facts["message"]
    assert await client.ended()


async def test_a_web_socket_on_the_same_port_speaks_bolt(address: str) -> None:
    async with connect(f"ws://{address}") as socket:
        await socket.send(handshake.PREAMBLE + bytes.fromhex("00020404") + bytes(12))
        assert await socket.recv() == Version(4, 4).wire
        out = bytearray(2)
        Packer({}).pack(Structure(Tag.HELLO, [{"scheme": "basic", "principal": "", "credentials": "secret"}]), out)
        framed(out, 0)
        for at in range(len(out)):
            await socket.send(bytes(out[at : at + 1]))
        heard = await socket.recv()
        assert isinstance(heard, bytes)
        assert unpack(heard[2:-2], Structure).tag == Tag.SUCCESS


async def test_who_asks_over_http_is_told_where_bolt_is(address: str) -> None:
    async with httpx.AsyncClient() as client:
        told = (await client.get(f"http://{address}/")).json()
    assert told["bolt_direct"] == f"bolt://{address}"
    assert told["bolt_routing"] == f"neo4j://{address}"


async def test_a_certificate_makes_all_connections_private(backend: Backend, tmp_path: Any) -> None:
    files = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    async with serving(backend, ServerOptions("127.0.0.1", 0, tls=context)) as address:
        async with driver(address, "bolt+ssc") as opened:
            assert (await opened.execute_query("COUNT", n=1)).records
        with pytest.raises(neo4j.exceptions.DriverError):
            async with driver(address, connection_timeout=2) as opened:
                await opened.verify_connectivity()


async def test_an_address_that_is_taken_is_named(address: str) -> None:
    host, port = address.rsplit(":", 1)
    with pytest.raises(ServerError, match=f"{host}:{port} cannot be used for Bolt"):
        async with serving(Backend(), ServerOptions(host, int(port))):
            pass


async def test_stopping_the_server_ends_its_connections(backend: Backend, talk: Talk) -> None:
    async with serving(backend, ServerOptions("127.0.0.1", 0)) as address:
        client = await talk(address, Version(5, 4))
        await client.enter()
        client.say(Tag.RUN, "WAIT", {}, {})
        await backend.waiting.wait()
    assert await client.ended()
    assert (backend.stopped, backend.rolled_back) == (1, 1)
