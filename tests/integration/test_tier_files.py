"""Tiers, pins and their settings in exports and imports: a round trip keeps them, damage is refused."""

import secrets
from pathlib import Path

import orjson
import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.memories import new_graph

SCOPE = "user/1"


class Graphs:
    """The graphs of the running test: the one that is exported, and an empty one."""

    old = new = ""


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    Graphs.old = await new_graph(memory, f"old_{secrets.token_hex(6)}")
    Graphs.new = await new_graph(memory, f"new_{secrets.token_hex(6)}")
    return memory


async def fill(memory: Memory) -> None:
    for scope in ("", SCOPE):
        texts = [Episode(f"Note {n} of the harbour.", f"n{n}", scope=scope) for n in range(4)]
        await memory.episodes.put(Graphs.old, texts)
        await memory.entities.put(Graphs.old, [Entity("ann", name="Ann", scope=scope), Entity("bo", scope=scope)])
        await memory.tiers.move(Graphs.old, ["n0", "n1"], "cold", scope=scope)
        await memory.tiers.move(Graphs.old, ["n2"], "distilled", scope=scope)
        await memory.tiers.pin(Graphs.old, ["n1"], tier="cold", kind="episode", scope=scope)
        await memory.tiers.pin(Graphs.old, ["ann"], scope=scope)
    await memory.tiers.put(Graphs.old, hot_for=7200, archive=True)


async def state(memory: Memory, graph: str) -> dict[tuple[str, str], tuple[str, bool]]:
    return {
        (scope, each.key): (each.tier, each.pinned)
        for scope in ("", SCOPE)
        for each in (await memory.tiers.list(graph, scope=scope)).items
    }


@pytest.mark.parametrize(
    ("name", "format_"), [("a.jsonl", None), ("a.zip", "csv"), ("parquet/", "parquet"), ("a.nq", None)]
)
async def test_a_round_trip_keeps_tiers_pins_and_settings(
    memory: Memory, tmp_path: Path, name: str, format_: str | None
) -> None:
    await fill(memory)
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    written = await memory.exports.write(Graphs.old, path, ExportOptions(format=format_))
    assert written.records["tier"] == 1 + 2 * 4  # The settings; what is cold, distilled, and two pins of each scope.
    for _ in range(2):  # The second time it changes nothing.
        assert not (await memory.imports.run(Graphs.new, [path], ImportOptions())).rejections
        assert await state(memory, Graphs.new) == await state(memory, Graphs.old)
    assert await memory.tiers.settings(Graphs.new) == await memory.tiers.settings(Graphs.old)
    await memory.tiers.sweep(Graphs.new)  # What was imported cold is not hot by having been written just now.
    assert await state(memory, Graphs.new) == await state(memory, Graphs.old)


async def test_an_export_of_a_scope_has_its_tiers_alone(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    written = await memory.exports.write(Graphs.old, tmp_path / "a.jsonl", ExportOptions(scope=SCOPE))
    assert written.records["tier"] == 4
    assert not (await memory.imports.run(Graphs.new, [tmp_path / "a.jsonl"], ImportOptions())).rejections
    assert {key: each for key, each in (await state(memory, Graphs.new)).items() if key[0] == SCOPE} == {
        key: each for key, each in (await state(memory, Graphs.old)).items() if key[0] == SCOPE
    }
    assert (await memory.tiers.settings(Graphs.new)).hot_for == 3600


async def test_what_was_used_or_pinned_in_the_graph_stays_as_it_is(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    await memory.exports.write(Graphs.old, tmp_path / "a.jsonl", ExportOptions())
    await memory.imports.run(Graphs.new, [tmp_path / "a.jsonl"], ImportOptions())
    await memory.tiers.move(Graphs.new, ["n0"], "hot")
    await memory.tiers.pin(Graphs.new, ["ann"], tier="cold")
    await memory.tiers.put(Graphs.new, hot_for=60, archive=False)
    await memory.imports.run(Graphs.new, [tmp_path / "a.jsonl"], ImportOptions())
    found = await state(memory, Graphs.new)
    assert (found["", "n0"], found["", "ann"]) == (("hot", False), ("cold", True))
    assert (await memory.tiers.settings(Graphs.new)).hot_for == 60


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("tier", "hot"), ("item", "fact"), ("pinned", 1), ("keys", "n0"), ("keys", [1]),
        ("of", "settings"), ("of", "all"), ("keys", ["a"] * 1001),
    ],
)  # fmt: skip
async def test_a_record_that_kgmem_did_not_write_is_refused(
    memory: Memory, tmp_path: Path, part: str, wrong: object
) -> None:
    told = {"type": "tier", "of": "items", "item": "episode", "tier": "cold", "pinned": False, "keys": ["n0"]}
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps({**told, part: wrong}))
    done = await memory.imports.run(Graphs.new, [tmp_path / "a.jsonl"], ImportOptions())
    assert len(done.rejections) == 1
    assert not await state(memory, Graphs.new)
