"""A dry run reports what the import rejects: the same lines for the same reasons, whatever the files hold."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kgmem.domain.graph.entity import Entity
from kgmem.domain.text.resolution import NewMerge
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.memories import new_graph
from tests.sizes import examples, sized

SCHEMA: dict[str, Any] = {
    "labels": {"Worker": {"properties": {"mail": {"unique": True}}}, "Chief": {"parent": "Worker"}},
    "indexes": {"seat": {"index": "unique", "of": ["Seat"], "properties": ["row", "place"]}},
}
MOMENT = "2026-01-02T03:04:05Z"
HELD = [
    Entity("held", "Worker", properties={"mail": "a"}),
    Entity("other", "Person", labels=["Worker"], properties={"mail": 1, "note": "x"}),
    Entity("plain", "Person"),
]


async def reports(
    memory: Memory, lines: Sequence[dict[str, Any]], folder: Path, merged: str | None = None, **made: Any
) -> list[list[Any]]:
    """Return what a dry run and the import reject of the same lines: by each, line and reason.

    `merged` is the key of an entity that was merged into `held`.
    """
    graph = await new_graph(memory, f"dry_{uuid4().hex[:12]}", **made)
    await memory.entities.put(graph, HELD)
    if merged is not None:
        await memory.entities.put(graph, [Entity(merged)])
        await memory.resolution.merge(graph, NewMerge("held", merged, by="ann", reason="One."))
    file = folder / "lines.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    dry = await memory.imports.run(graph, [file], ImportOptions(dry_run=True, batch=7))
    assert (await memory.graphs.stats(graph)).entities == len(HELD)
    real = await memory.imports.run(graph, [file], ImportOptions(batch=7))
    assert dry.checked == real.read - real.rejected
    return [sorted((each.line, each.reason) for each in result.rejections) for result in (dry, real)]


def entity(key: str, label: str | None = "Worker", **more: Any) -> dict[str, Any]:
    properties = {name: more.pop(name) for name in ("mail", "row", "place", "note") if name in more}
    told = {"type": "entity", "key": key, "label": label, "properties": properties, **more}
    return {name: value for name, value in told.items() if value is not None}


UNIQUE = [
    entity("new", mail="a"),  # The graph has it.
    entity("new", mail="b"),
    entity("twice", mail="b"),  # The file has it.
    entity("further", "Person", labels=["Worker"], mail="b"),
    entity("further", "Person", labels=["Worker"], mail="c"),
    entity("further", None, mail="a"),
    entity("one", "Person", labels=["Worker"], mail=1.0),
    entity("chief", "Chief", mail="a"),
    entity("scoped", mail="a", scope="user/1"),
    entity("scoped2", mail="a", scope="user/1"),
    entity("plain", None, labels=["Worker"], mail="c"),
    entity("held", None, mail="z"),
    entity("free", mail="a"),
    entity("s1", "Seat", row="x", place=1),
    entity("s2", "Seat", row="x", place=2),
    entity("s3", "Chair", labels=["Seat"], row="x", place=1),
]


async def test_unique_values_of_the_files_and_of_the_graph(memory: Memory, tmp_path: Path) -> None:
    dry, real = await reports(memory, UNIQUE, tmp_path, schema=SCHEMA)
    assert dry == real
    assert [line for line, _ in real] == [1, 3, 4, 6, 7, 10, 11, 16]


REQUIRED: dict[str, Any] = {
    "labels": {"Worker": {"properties": {"mail": {"unique": True, "required": True}, "note": {}}}}
}
OLD_KEYS = [
    entity("old", note="1"),  # Of one that is there, which need not say again what is required.
    entity("old", mail="a"),  # Its own value.
    entity("twice", mail="a"),
    entity("old", mail="n", version=1),
    entity("old", mail="n", version=3),
    entity("held", note="2", version=4),
    entity("old", note="3", version=5),
    entity("twice", mail="a"),
    entity("other2", mail="n"),
    {"type": "relationship", "kind": "KNOWS", "from": "old", "to": "twice"},
    {"type": "relationship", "kind": "KNOWS", "from": "old", "to": "nobody"},
]


@pytest.mark.parametrize("made", [{}, {"schema": REQUIRED}], ids=["plain", "required"])
async def test_the_key_of_an_entity_that_was_merged_away_means_the_kept_one(
    memory: Memory, tmp_path: Path, made: dict[str, Any]
) -> None:
    dry, real = await reports(memory, OLD_KEYS, tmp_path, merged="old", **made)
    assert dry == real
    assert {4, 11} <= {line for line, _ in real}
    assert not {1, 2, 6, 7} & {line for line, _ in real}


VERSIONS = [
    entity("held", version=1, note="y"),
    entity("held", version=1, note="z"),
    entity("held", version=2, note="y"),  # It changes nothing, and is right.
    entity("held", version=3, note="y"),
    entity("fresh", note="y"),
    entity("fresh", version=2, note="y"),
    entity("fresh", note="z"),
    entity("fresh", version=2, note="z"),
    entity("fresh", version=2, label="Person"),
    entity("fresh", version=3, note="u"),
    entity("late", note="1"),
    entity("late", note="1"),
    entity("late", note="2"),
    *(entity(f"filler{n}", note="1") for n in range(8)),
    entity("late", version=1, note="3"),
    entity("late", version=2, note="3"),
]


@pytest.mark.parametrize("made", [{}, {"schema": SCHEMA}], ids=["plain", "unique"])
async def test_versions_within_the_same_files(memory: Memory, tmp_path: Path, made: dict[str, Any]) -> None:
    dry, real = await reports(memory, VERSIONS, tmp_path, **made)
    assert dry == real
    assert [line for line, _ in real] == [2, 4, 6, 22]


CLAIM = {"type": "claim", "source": "s", "subject": "held", "predicate": "size", "value": 1, "known_from": MOMENT}
TOPIC = {"subject": "held", "predicate": "size"}
OPTION = {"claims": ["x"], "probability": 1.0}
FACT = {
    "valid": [None, None], "value": 1, "state": "verified", "probability": 1.0, "trust": 0.5, "supporting": 1.0,
    "opposing": 0.0, "method": "m", "reason": "r", "known_from": MOMENT, "options": [OPTION],
}  # fmt: skip
STANDING = {"prior": 0.5, "claims": 1, "checked": 0, "domains": {}, "reason": "r"}
GOOD: list[dict[str, Any]] = [
    {**CLAIM, "span": [0, 3], "relationship": {"first": True}},
    {
        "type": "adjudication",
        "action": "accept",
        "by": "ann",
        "at": MOMENT,
        **TOPIC,
        "detail": {"claims": [], "ends": []},
    },
    {"type": "fact", **TOPIC, "facts": [{**FACT, "past": [{**FACT, "known_to": MOMENT}]}]},
    {
        "type": "correlation", "relation": "exclusion",
        "detail": {"topics": [["held", "size", ""], ["other", "size", ""]], "claims": [["x"], []]},
    },
    {"type": "trust", "of": "source", "source": "s", "trust": 0.5, "known_from": MOMENT, "detail": STANDING},
    {
        "type": "trust", "of": "predicate", "predicate": "size",
        "detail": {"method": "m", "reason": "r", "wrong": 2.0, "similarity": 0.5},
    },
    {"type": "trust", "of": "copies", "source": "s", "other": "t", "trust": 0.5, "detail": {"shared": 2}},
    {"type": "trust", "of": "run", "known_from": MOMENT, "detail": {"count": 3}},
    {
        "type": "merge", "keep": "held", "gone": "gone", "at": MOMENT, "by": "ann",
        "detail": {"told": {"moved": 1, "aliases": ["a"]}, "undone": {"at": MOMENT}},
    },
    {"type": "pair", "one": "held", "other": "other", "decided": "different", "detail": {"evidence": 0.5, "parts": {}}},
]  # fmt: skip


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all parts of a record."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before] * bool(before) + [place for key, each in inner for place in paths(each, (*before, key))]


def damaged(record: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A record with another value at a place, or without what is there (...)."""
    copied = json.loads(json.dumps(record))
    inner = copied
    for key in place[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return dict(copied)


ODD = [..., None, "x", "", 7, -1, 1e300, 2**40, True, [], ["x"], {}, {"x": 1}, "2026-13-01", "9" * 30, [[1]], "a\0b"]
DAMAGED = st.sampled_from(GOOD).flatmap(
    lambda record: st.builds(
        damaged,
        st.just(record),
        st.sampled_from([place for place in paths(record) if place != ("type",)]),
        st.sampled_from(ODD),
    )
)
ENTITIES = st.builds(
    lambda key, label, mail, extra: entity(key, label, mail=mail, **extra),
    st.sampled_from(["held", "plain", "k1", "k2", "k3"]),
    st.sampled_from([None, "Worker", "Chief", "Person"]),
    st.sampled_from(["a", "b", 1, 1.0, "c"]),
    st.sampled_from([{}, {}, {}, {"labels": ["Worker"]}, {"version": 1}, {"version": 2}]),
)
LINKS = st.builds(
    lambda start, end: {"type": "relationship", "kind": "KNOWS", "from": start, "to": end},
    st.sampled_from(["held", "k1", "ghost", ""]),
    st.sampled_from(["held", "k2", "k3"]),
)


async def test_good_records_of_what_a_graph_believes_are_taken(memory: Memory, tmp_path: Path) -> None:
    assert await reports(memory, GOOD, tmp_path) == [[], []]


@sized
@settings(
    max_examples=examples(12),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lines=st.lists(st.one_of(DAMAGED, DAMAGED, LINKS), min_size=20, max_size=40))
async def test_damaged_records_are_rejected_by_both(memory: Memory, tmp_path: Path, lines: list[Any]) -> None:
    dry, real = await reports(memory, lines, tmp_path)
    assert dry == real


@sized
@settings(
    max_examples=examples(12),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lines=st.lists(st.one_of(ENTITIES, ENTITIES, LINKS), min_size=5, max_size=25))
async def test_unique_values_and_versions_are_rejected_by_both(
    memory: Memory, tmp_path: Path, lines: list[Any]
) -> None:
    dry, real = await reports(memory, lines, tmp_path, schema=SCHEMA)
    assert dry == real
