"""Imports that are broken off: whoever goes on with one ends with the graph of an uninterrupted import."""

import asyncio
import csv
import errno
import io
import os
import random
import re
import secrets
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kgmem.domain.errors import DatabaseUnavailable, InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions, ImportProgress
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from kgmem.store.graph.layout import VERTEX
from kgmem.store.load import deferred_indexes
from kgmem.store.load.deferred_indexes import DeferredIndexes
from tests.embedded import home_folder, server_in
from tests.imports import adds_up, lines, write_lines
from tests.interrupted import (
    Orders,
    assert_as_uninterrupted,
    assert_nothing_left,
    batches,
    importing,
    index_definitions,
)
from tests.invariants import assert_index_matches_labels
from tests.memories import new_graph, opened_memory, other_client, query, until
from tests.postgres import prepare_template
from tests.sizes import size, sized

pytestmark = pytest.mark.crash

PEOPLE = size(180, 900)
BATCH = 30


def write_csv(folder: Path) -> list[Path]:
    """People and acquaintances as CSV, the acquaintances first; some rows are bad, and some say something again."""
    people, knows = folder / "people.csv", folder / "knows.csv"
    rows = [[f"p{n}", f"person {n}", n % 90, "1969" if n % 7 else "soon"] for n in range(PEOPLE)]
    rows += [[f"p{n}", f"person {n} again", n % 80, ""] for n in range(0, PEOPLE, 11)]
    _write_table(people, ["key", "name", "age", "valid_from"], rows)
    ends = [(n, (n * 7 + step) % (PEOPLE + 20)) for n in range(PEOPLE) for step in (1, 2)]
    _write_table(
        knows, ["from", "to", "kind", "since"], [[f"p{a}", f"p{b}", "KNOWS", a % 50] for a, b in [*ends, *ends[:200]]]
    )
    return [knows, people]


def _write_table(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def write_jsonl(folder: Path) -> list[Path]:
    """Everything that JSON Lines can say, mixed up, in one file."""
    draw = random.Random(7)
    lines: list[dict[str, Any]] = []
    for n in range(PEOPLE // 2):
        lines.append({"type": "entity", "key": f"p{n}", "label": "Person", "name": f"person {n}"})
        lines.append({"type": "relationship", "kind": "KNOWS", "from": f"p{n}", "to": f"p{(n + 5) % (PEOPLE // 2)}"})
        if n % 5 == 0:
            told = {"key": f"p{draw.randrange(n + 1)}", "properties": {"seen": n, "list": [n]}}
            lines.append({"type": "entity", "label": "Place" if n % 15 == 0 else "Person", **told})
            key = f"e{draw.randrange(n + 1)}"
            lines.append({"type": "relationship", "kind": "MET", "from": f"p{n}", "to": "p0", "key": key})
        if n % 25 == 0:
            lines.append(
                {"type": "episode", "key": f"t{n}", "text": f"p{n} was met.", "mentions": [f"p{n}", f"p{n + 1}"]}
            )
            lines.append({"type": "source", "key": f"s{n}", "trust": 0.5})
            lines.append({"type": "relationship", "kind": "KNOWS", "from": f"p{n}", "to": "nobody"})
            lines.append({"type": "entity", "colour": "red"})
    return [write_lines(folder / "all.jsonl", lines)]


def write_triples(folder: Path) -> list[Path]:
    """People as N-Triples, with links ahead of their ends, blank nodes, and lines that are none."""
    path, base = folder / "people.nt", "http://example.org/"
    with path.open("w") as file:
        for n in range(PEOPLE):
            this = f"<{base}p{n}>"
            file.write(f"{this} <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <{base}Person> .\n")
            file.write(f'{this} <{base}name> "person {n}" .\n')
            file.write(f"{this} <{base}knows> <{base}p{(n * 7 + 1) % PEOPLE}> .\n")
            if n % 10 == 0:
                file.write(f'{this} <{base}home> _:home{n} .\n_:home{n} <{base}street> "street {n}" .\n')
    return [path]


@pytest.fixture
def orders(shared_database_url: str, graph: str) -> Orders:
    """Orders to import something into the graph of the test."""
    return Orders(shared_database_url, graph, [], {"batch": BATCH})


@sized
@pytest.mark.parametrize("write", [write_csv, write_jsonl, write_triples])
async def test_an_import_killed_again_and_again_ends_as_if_it_had_not_been(
    memory: Memory, orders: Orders, tmp_path: Path, write: Callable[[Path], list[Path]]
) -> None:
    orders = replace(orders, files=write(tmp_path), options={"batch": BATCH, "resume": True})
    whole = await new_graph(memory, f"{orders.graph}_whole")
    expected = await memory.imports.run(whole, orders.files, ImportOptions(batch=BATCH))
    assert adds_up(expected)
    total = await batches(memory, whole)
    draw = random.Random(secrets.token_bytes(8))
    for part in size([0.5], [0.1, 0.4, 0.7, 0.95]):
        with importing(orders) as process:
            goal = draw.uniform(part - 0.1, part + 0.05) * total

            async def reached(goal: float = goal) -> bool:
                return await batches(memory, orders.graph) >= goal or process.poll() is not None

            await until(reached)
            await asyncio.sleep(draw.uniform(0, 0.02))
    # What was done before its signal came left nothing to go on with: the next began another import.
    done = [import_ for import_ in await memory.imports.list(orders.graph) if import_.state == "done"]
    result = await memory.imports.run(orders.graph, orders.files, ImportOptions(batch=BATCH, resume=True))
    assert adds_up(result)
    assert len(await memory.imports.list(orders.graph)) == 1 + len(done)
    await assert_as_uninterrupted(memory, orders.graph, whole)


@sized
async def test_without_going_on_a_worker_builds_the_indexes_and_recall_answers_meanwhile(
    memory: Memory, orders: Orders, tmp_path: Path
) -> None:
    before = set(await index_definitions(memory, orders.graph))
    orders = replace(orders, files=write_csv(tmp_path)[::-1])
    with importing(orders):

        async def half_way() -> bool:
            return await batches(memory, orders.graph) >= size(10, 20)

        await until(half_way)
    assert before - set(await index_definitions(memory, orders.graph)), "no index was set aside"
    question = Question(What(text="person 8"))
    assert "p8" in {hit.key for hit in (await memory.recall(orders.graph, question)).hits}
    assert await memory.tasks.build_deferred_indexes() == 0, "the import gave a sign of life only now"
    await fall_silent(memory)
    assert await memory.tasks.build_deferred_indexes() >= 1
    assert before <= set(await index_definitions(memory, orders.graph))
    assert await query(memory, "SELECT * FROM kgmem.deferred_index") == []
    hits = (await memory.recall(orders.graph, question)).hits
    assert "p8" in {hit.key for hit in hits if "words" in hit.retrievers}


async def fall_silent(memory: Memory) -> None:
    """Let it be long ago that the imports that run gave a sign of life."""
    await query(
        memory, "UPDATE kgmem.import SET heartbeat_at = heartbeat_at - interval '1 hour' WHERE state = 'running'"
    )


async def test_an_index_whose_building_was_killed_is_built_anew(
    memory: Memory, graph: str, shared_database_url: str
) -> None:
    before = await index_definitions(memory, graph)
    await memory.entities.put(graph, [Entity(f"k{n}", name=f"apple {n}") for n in range(100)])
    catalog: Any = memory.ports.graphs
    layout = await catalog.layout(graph)
    await DeferredIndexes(catalog).consider(layout, VERTEX, ["Thing"], deferred_indexes.LARGE)
    (held,) = await query(
        memory, "SELECT definition FROM kgmem.deferred_index WHERE graph = $1 AND name = 'passage_words'", layout.id
    )
    async with other_client(shared_database_url) as writer, other_client(shared_database_url) as builder:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute(f"UPDATE {layout.index_name}.passage SET start = 0")
        building = asyncio.create_task(builder.execute(held["definition"].replace("INDEX", "INDEX CONCURRENTLY", 1)))

        async def begun() -> bool:
            return any("not valid" in each for each in await index_definitions(memory, graph))

        await until(begun)
        await query(memory, "SELECT pg_terminate_backend($1)", builder.get_server_pid())
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await building
        await transaction.rollback()
    assert any("not valid" in each for each in await index_definitions(memory, graph))
    assert await memory.tasks.build_deferred_indexes() >= 1
    assert set(before) <= set(await index_definitions(memory, graph))
    await assert_nothing_left(memory, graph)
    hits = (await memory.recall(graph, Question(What(text="apple 7")))).hits
    assert any("words" in hit.retrievers for hit in hits)


@sized
async def test_an_import_rides_out_backends_that_are_terminated(memory: Memory, orders: Orders, tmp_path: Path) -> None:
    whole = await new_graph(memory, f"{orders.graph}_whole")
    orders = replace(orders, files=write_csv(tmp_path))
    await memory.imports.run(whole, orders.files, ImportOptions(batch=BATCH))
    own = [row["pid"] for row in await query(memory, _BACKENDS, [])]
    with importing(orders) as process:
        for goal in size([4], [5, 30, 60]):

            async def reached(goal: int = goal) -> bool:
                return await batches(memory, orders.graph) >= goal or process.poll() is not None

            await until(reached)
            assert process.poll() is None, "it was over before it was disturbed"
            await query(memory, f"SELECT pg_terminate_backend(pid) FROM ({_BACKENDS}) others", own)
        told = await asyncio.to_thread(process.communicate, timeout=60)
    assert told[0].startswith("done"), told
    await assert_as_uninterrupted(memory, orders.graph, whole)


_BACKENDS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'kgmem' AND NOT pid = ANY ($1::integer[])
"""


@pytest.mark.slow
async def test_an_import_rides_out_kill_9_of_postgres(short_folder: Path, tmp_path: Path) -> None:
    files = write_csv(tmp_path)
    with home_folder(short_folder) as home:
        async with server_in(home) as server:
            await prepare_template(server.url)
            watch = asyncio.create_task(server.keep_running())
            async with opened_memory(server.url) as memory:
                whole, graph = await new_graph(memory, "whole"), await new_graph(memory, "killed")
                expected = await memory.imports.run(whole, files, ImportOptions(batch=BATCH))
                with importing(Orders(server.url, graph, files, {"batch": BATCH})) as process:
                    for goal in (10, 50):

                        async def reached(goal: int = goal) -> bool:
                            return process.poll() is not None or await answered(memory, graph) >= goal

                        await until(reached, 60)
                        assert process.poll() is None
                        await kill_postgres(server)
                    told = await asyncio.to_thread(process.communicate, timeout=100)
                assert told[0].split() == ["done", *map(str, (expected.read, expected.created, expected.rejected))]
                await assert_as_uninterrupted(memory, graph, whole)
                await memory.index.rebuild(graph)
                await assert_as_uninterrupted(memory, graph, whole)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


async def answered(memory: Memory, graph: str) -> int:
    """How many batches are stored, none while Postgres is away."""
    try:
        return await batches(memory, graph)
    except DatabaseUnavailable:
        return 0


async def kill_postgres(server: EmbeddedPostgres) -> None:
    """Kill the postmaster of a server that the test started."""
    pid = (await server.status()).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


@sized
@pytest.mark.parametrize("changed", ["size", "text"])
async def test_a_file_that_changed_since_it_was_broken_off_is_read_anew_and_that_is_said(
    memory: Memory, graph: str, tmp_path: Path, changed: str
) -> None:
    path = write_lines(tmp_path / "people.jsonl", [{"type": "entity", "key": f"p{n}"} for n in range(size(500, 5000))])
    await break_off(memory, graph, path)
    text = path.read_text().replace("p250", "q250")
    path.write_text(text + ('{"type": "entity", "key": "last"}\n' if changed == "size" else ""))
    result = await memory.imports.run(graph, [path], ImportOptions(batch=BATCH, resume=True))
    assert result.anew is not None
    assert "people.jsonl has changed" in result.anew
    assert result.read == size(500, 5000) + (changed == "size")
    assert (await memory.entities.get(graph, "q250")).key == "q250"


async def break_off(memory: Memory, graph: str, path: Path) -> None:
    """Begin to import a file, and stop on the way."""

    def stop(far: ImportProgress) -> None:
        if far.created:
            raise InvalidInput("It is enough.")

    with pytest.raises(InvalidInput, match="enough"):
        await memory.imports.run(graph, [path], ImportOptions(batch=BATCH), progress=stop)


@sized
async def test_a_stream_that_is_gone_on_with_is_read_anew_since_it_may_be_another(memory: Memory, graph: str) -> None:
    first = [{"type": "entity", "key": f"p{n}"} for n in range(size(300, 2000))]
    with pytest.raises(InvalidInput, match="cannot be read: Input/output error"):
        await memory.imports.run(graph, [Breaking(lines(*first).getvalue())], ImportOptions(batch=BATCH))
    others = [{"type": "entity", "key": f"q{n}"} for n in range(size(300, 2000))]
    result = await memory.imports.run(graph, [lines(*others)], ImportOptions(batch=BATCH, resume=True))
    assert (result.read, result.created) == (len(others), len(others))
    assert "cannot tell whether" in (result.anew or "")


class Breaking(io.BytesIO):
    """A stream that the disk cannot give to its end."""

    def readinto(self, buffer: Any) -> int:
        if self.tell() > len(self.getvalue()) // 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().readinto(memoryview(buffer)[:1000])

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > len(self.getvalue()) // 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(min(size or 1000, 1000) if size and size > 0 else 1000)


async def test_a_file_that_changes_while_it_is_read_is_told(memory: Memory, graph: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "people.jsonl", [{"type": "entity", "key": f"p{n}"} for n in range(1000)])

    def append(_: ImportProgress) -> None:
        with path.open("a") as file:
            file.write('{"type": "entity", "key": "late"}\n')

    with pytest.raises(InvalidInput, match=r"people\.jsonl was changed while kgmem read it"):
        await memory.imports.run(graph, [path], ImportOptions(batch=BATCH), progress=append)
    (held,) = await memory.imports.list(graph)
    assert (held.state, held.read) == ("failed", held.created)
    await assert_index_matches_labels(memory, graph)


@pytest.mark.parametrize(
    ("name", "whole", "reason"),
    [
        ("people.jsonl", b'{"type":"entity","key":"a"}\n{"type":"entity","key":"b"}\n', "line 2"),
        ("people.nt", b'<http://e/a> <http://e/name> "a" .\n<http://e/b> <http://e/name> "b" .\n', "Line 3, column 1"),
        ("people.csv", b'key,name,note\na,Ann,"one"\nb,Bob,"two"\n', "line 3"),
    ],
)
async def test_a_pipe_that_ends_in_the_middle_of_a_line_gives_no_half_record(
    memory: Memory, graph: str, tmp_path: Path, name: str, whole: bytes, reason: str
) -> None:
    pipe = tmp_path / name
    os.mkfifo(pipe)
    cut = whole.rindex(b'"') - 1 if name.endswith("csv") else len(whole) - 6

    def write() -> None:
        with pipe.open("wb") as file:
            file.write(whole[:cut])

    writing = asyncio.create_task(asyncio.to_thread(write))
    try:
        result = await memory.imports.run(graph, [pipe])
        told = " ".join(f"line {each.line}: {each.reason}" for each in result.rejections)
        assert adds_up(result)
    except InvalidInput as error:
        told = str(error)
    await writing
    assert re.search(reason, told), told
    keys = {entity.key for entity in (await memory.entities.list(graph)).items}
    assert not any(key.endswith("b") for key in keys), keys
    await assert_index_matches_labels(memory, graph)


async def test_a_file_for_rejected_records_that_cannot_be_written_is_told_before_anything_is_stored(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "people.jsonl", [{"type": "entity", "key": "a"}, {"type": "entity"}])
    for target in (tmp_path / "nowhere" / "rejected.jsonl", tmp_path, path / "rejected.jsonl"):
        with pytest.raises(InvalidInput, match=r"cannot be written|is a folder"):
            await memory.imports.run(graph, [path], ImportOptions(rejected_to=target))
    assert await memory.imports.list(graph) == []
    with pytest.raises(InvalidInput, match="import is done, but /dev/full cannot be written: No space left"):
        await memory.imports.run(graph, [path], ImportOptions(rejected_to=Path("/dev/full")))
    (done,) = await memory.imports.list(graph)
    assert (done.state, done.created, done.rejected) == ("done", 1, 1)
    await memory.imports.run(graph, [path], ImportOptions(rejected_to=tmp_path / "rejected.jsonl"))
    assert (tmp_path / "rejected.jsonl").read_text().count("\n") == 1
    assert {entry.name for entry in os.scandir(tmp_path)} == {"people.jsonl", "rejected.jsonl"}


@sized
async def test_a_schema_that_is_changed_between_does_not_let_records_be_skipped(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    path = write_lines(
        tmp_path / "people.jsonl",
        [{"type": "entity", "label": "Person", "key": f"p{n}"} for n in range(size(400, 3000))],
    )
    await break_off(memory, graph, path)
    await memory.graphs.update(graph, schema={"labels": {"Person": {"properties": {"email": {"unique": True}}}}})
    result = await memory.imports.run(graph, [path], ImportOptions(batch=BATCH, resume=True))
    assert adds_up(result)
    assert (await memory.graphs.stats(graph)).entities == size(400, 3000)
