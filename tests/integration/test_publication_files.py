"""Publications in exports and imports: a round trip has the same claims and facts, and they follow their origins."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.agents.publication import Publication, PublicationRequest
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, FactFilter
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions
from tests.memories import new_graph

ADA, BEN, TEAM = "team/agent/ada", "team/agent/ben", "team"
SCOPES = (ADA, BEN, TEAM, "org")


class Graphs:
    """The graphs of the running test: the one that is exported, and an empty one."""

    old = new = ""


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    Graphs.old = await new_graph(memory, f"old_{secrets.token_hex(6)}")
    Graphs.new = await new_graph(memory, f"new_{secrets.token_hex(6)}")
    return memory


async def publish(memory: Memory, to: str = TEAM, scope: str = ADA, **what: Any) -> Publication:
    asked = PublicationRequest(to, "ada", "The team asked.", scope=scope, **what)
    return (await memory.publications.publish(Graphs.old, asked))[0]


async def fact_of(memory: Memory, scope: str = ADA, predicate: str = "port", graph: str | None = None) -> Any:
    page = await memory.facts.list(graph or Graphs.old, FactFilter(scope, predicate=predicate))
    return next((fact for fact in page.items if fact.scope == scope), None)


async def fill(memory: Memory) -> None:
    """Publish a fact that the team states, too, a relationship of a claim, one that is written, and a text; end one."""
    said = ClaimStatement("radio", "ferry", "port", value="Kiel", scope=ADA, confidence=0.9)
    await memory.claims.put(
        Graphs.old, [said, replace(said, source="web", valid_from="2024"), replace(said, scope=TEAM)]
    )
    await memory.claims.put(Graphs.old, [replace(said, source="radar", value="Oslo", scope=BEN)])
    ships = [Entity("ferry", "Ship", "Aurora", scope=ADA), Entity("kiel", "Port", "Kiel", scope=ADA)]
    await memory.entities.put(Graphs.old, ships)
    ids = (await memory.relationships.put(Graphs.old, [Relationship("CALLS_AT", "ferry", "kiel", scope=ADA)])).ids
    await memory.claims.put(
        Graphs.old, [ClaimStatement("radio", "ferry", "OWNED_BY", object="kiel", scope=ADA, valid_from="2020")]
    )
    await memory.episodes.put(Graphs.old, [Episode("The Aurora left Kiel at nine.", "n1", scope=ADA)])
    await publish(memory, item=(await fact_of(memory)).id)
    await publish(memory, item=(await fact_of(memory, BEN)).id, scope=BEN)
    await publish(memory, "org", scope=TEAM, item=(await fact_of(memory, TEAM)).id)  # Of a publication.
    await publish(memory, item=(await fact_of(memory, ADA, "OWNED_BY")).id)
    await publish(memory, item=ids[0])
    await publish(memory, key="n1")
    gone = await publish(memory, "org", key="n1")
    await memory.publications.withdraw(Graphs.old, gone.id, scope=ADA)


async def told(memory: Memory, graph: str) -> Mapping[str, Any]:
    """Return what the scopes of a graph hold, without numbers."""
    publications: list[Any] = []
    claims: list[Any] = []
    facts: list[Any] = []
    texts: list[Any] = []
    for scope in SCOPES:
        publications += (await memory.publications.list(graph, scope=scope)).items
        claims += [each for each in (await memory.claims.list(graph, ClaimFilter(scope))).items if each.scope == scope]
        facts += [each for each in (await memory.facts.list(graph, FactFilter(scope))).items if each.scope == scope]
        texts += [(scope, each.key, each.text) for each in (await memory.episodes.list(graph, scope=scope)).items]
    publications = [
        replace(each, id=0, item=0, copies=[] if each.ended else [0] * len(each.copies)) for each in publications
    ]
    claims = [replace(each, id=0, relationship=None) for each in claims]
    facts = [
        (
            each.scope, each.subject, each.predicate, each.value, each.state, each.probability,
            sorted((str(option.value), sorted(option.sources)) for option in each.options),
        )
        for each in facts
    ]  # fmt: skip
    return {
        "publications": sorted(map(str, publications)), "claims": sorted(map(str, claims)),
        "facts": sorted(map(str, facts)), "texts": sorted(map(str, texts)),
    }  # fmt: skip


async def carry(memory: Memory, path: Path, **options: Any) -> Any:
    written = await memory.exports.write(Graphs.old, path, ExportOptions(**options))
    done = await memory.imports.run(Graphs.new, [path], ImportOptions())
    assert not done.rejections, done.rejections
    return written


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "format_"),
    [("all.jsonl", None), ("all.zip", "csv"), ("csv/", "csv"), ("parquet/", "parquet"), ("all.nq", None)],
)
async def test_a_round_trip_loses_nothing_and_again_changes_nothing(
    memory: Memory, tmp_path: Path, name: str, format_: str | None
) -> None:
    await fill(memory)
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()

    written = await carry(memory, path, format=format_)

    assert written.records["publication"] == 7
    held = await told(memory, Graphs.old)
    assert await told(memory, Graphs.new) == held
    again = await memory.imports.run(Graphs.new, [path], ImportOptions())
    assert (again.created, again.updated, len(again.rejections)) == (0, 0, 0)
    assert await told(memory, Graphs.new) == held


@pytest.mark.parametrize(
    ("name", "format_"), [("all.jsonl", None), ("all.zip", "csv"), ("parquet/", "parquet"), ("all.nq", None)]
)
async def test_what_publications_stored_goes_in_the_other_graph_but_for_what_the_team_made_its_own(
    memory: Memory, tmp_path: Path, name: str, format_: str | None
) -> None:
    await memory.entities.put(Graphs.old, [Entity("ferry", "Ship", "Aurora", scope=ADA), Entity("kiel", scope=ADA)])
    for n in range(3):
        note = Episode(f"Note {n}.", f"n{n}", scope=ADA, mentions=["ferry"], properties={"rank": n}, title="A note")
        await memory.episodes.put(Graphs.old, [note])
        await publish(memory, key=f"n{n}")
    said = ClaimStatement("radio", "kiel", "port", value="A port", scope=ADA)
    await memory.claims.put(Graphs.old, [said])
    await publish(memory, item=(await fact_of(memory)).id)
    await memory.episodes.put(Graphs.old, [Episode("The team's.", "n1", scope=TEAM)])
    await memory.episodes.put(Graphs.old, [Episode("Note 2.", "n2", scope=TEAM)])  # What it repeats is its own, too.
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    await carry(memory, path, format=format_)

    await memory.episodes.forget(Graphs.new, ["n0", "n1", "n2"], scope=ADA)
    texts = (await memory.episodes.list(Graphs.new, scope=TEAM)).items
    assert sorted(each.text for each in texts if each.scope == TEAM) == ["Note 2.", "The team's."]
    claims = (await memory.claims.list(Graphs.new, ClaimFilter(ADA))).items
    await memory.claims.withdraw(Graphs.new, [each.id for each in claims if each.scope == ADA and each.id], scope=ADA)
    entities = (await memory.entities.list(Graphs.new, scope=TEAM)).items
    assert [each.key for each in entities if each.scope == TEAM] == ["ferry"]  # The note of the team mentions it.


async def test_publications_of_an_older_file_follow_their_origins(memory: Memory, tmp_path: Path) -> None:
    await memory.episodes.put(Graphs.old, [Episode(f"Note {n}.", f"n{n}", scope=ADA) for n in range(2)])
    for n in range(2):
        await publish(memory, key=f"n{n}")
    await memory.episodes.put(Graphs.old, [Episode("The team's.", "n1", scope=TEAM)])
    path = tmp_path / "all.jsonl"
    await memory.exports.write(Graphs.old, path, ExportOptions())
    records = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({n: v for n, v in each.items() if n != "stored"}) + "\n" for each in records))
    await memory.imports.run(Graphs.new, [path], ImportOptions())

    await memory.episodes.forget(Graphs.new, ["n0", "n1"], scope=ADA)

    texts = (await memory.episodes.list(Graphs.new, scope=TEAM)).items
    assert [each.text for each in texts if each.scope == TEAM] == ["The team's."]


async def test_publications_follow_their_origins_in_the_other_graph(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    await carry(memory, tmp_path / "all.jsonl")
    claims = (await memory.claims.list(Graphs.new, ClaimFilter(ADA))).items
    mine = [each for each in claims if each.scope == ADA and each.predicate == "port"]

    await memory.claims.withdraw(Graphs.new, [each.id for each in mine if each.id], scope=ADA)

    team = (await memory.claims.list(Graphs.new, ClaimFilter(TEAM))).items
    assert sorted(each.source for each in team if each.predicate == "port") == ["radar", "radio"]  # Ben's, its own.
    await memory.relationships.delete(Graphs.new, [
        each.id for each in (await memory.relationships.list(Graphs.new, scope=ADA)).items if each.kind == "CALLS_AT"
    ], scope=ADA)  # fmt: skip
    kinds = {
        each.kind for each in (await memory.relationships.list(Graphs.new, scope=TEAM)).items if each.scope == TEAM
    }
    assert kinds == {"OWNED_BY"}
    await memory.episodes.forget(Graphs.new, ["n1"], scope=ADA)
    assert [e for e in (await memory.episodes.list(Graphs.new, scope=TEAM)).items if e.scope == TEAM] == []


async def test_a_publication_is_withdrawn_in_the_other_graph(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    await carry(memory, tmp_path / "all.jsonl")
    for each in (await memory.publications.list(Graphs.new, scope=ADA, state="published")).items:
        await memory.publications.withdraw(Graphs.new, each.id, scope=ADA)
    team = [each for each in (await memory.claims.list(Graphs.new, ClaimFilter(TEAM))).items if each.scope == TEAM]
    assert sorted((each.source, each.predicate) for each in team) == [("radar", "port"), ("radio", "port")]


@pytest.mark.long
async def test_an_older_file_leaves_no_copy_that_its_origin_does_not_state(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    await carry(memory, tmp_path / "all.jsonl")
    mine = (await memory.claims.list(Graphs.new, ClaimFilter(ADA))).items
    web = next(each for each in mine if each.source == "web" and each.scope == ADA)
    await memory.claims.withdraw(Graphs.new, [web.id or 0], scope=ADA)

    await memory.imports.run(Graphs.new, [tmp_path / "all.jsonl"], ImportOptions())  # States it again.
    again = (await memory.claims.list(Graphs.new, ClaimFilter(ADA))).items
    webs = [each for each in again if each.source == "web" and each.scope == ADA]
    assert len(webs) == 1
    await memory.claims.withdraw(Graphs.new, [webs[0].id or 0], scope=ADA)

    team = (await memory.claims.list(Graphs.new, ClaimFilter(TEAM))).items
    assert [each for each in team if each.source == "web" and each.scope == TEAM] == []


@pytest.mark.long
async def test_the_file_of_the_origin_alone_publishes_in_the_other_graph(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    await carry(memory, tmp_path / "ada.jsonl", scope=ADA)
    assert [each.kind for each in (await memory.relationships.list(Graphs.new, scope=TEAM)).items if each.scope == TEAM]
    fact = await fact_of(memory, TEAM, graph=Graphs.new)
    assert sorted(fact.options[0].sources) == ["radio", "web"]
    team = (await memory.episodes.list(Graphs.new, scope=TEAM)).items
    assert [each.key for each in team if each.scope == TEAM] == ["n1"]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"publication": "song"}, "publication"),
        ({"to": ADA}, "to"),
        ({"subject": "nobody"}, "not there"),
        ({"state": "lost"}, "state"),
        ({"claims": [1]}, "claims"),
        ({"publication": "text", "key": "none"}, "not there"),
        ({"reason": ""}, "reason"),
        ({"apart": "x"}, "apart"),
        ({"stored": "ferry"}, "stored"),
        ({"stored": [["fact", "ferry", "1"]]}, "stored"),
        ({"stored": [["entity", "ferry", "9223372036854775808"]]}, "stored"),
        ({"stored": [["entity", "ferry"]]}, "stored"),
    ],
)
async def test_a_wrong_record_is_rejected_with_its_reason(
    memory: Memory, tmp_path: Path, change: dict[str, Any], wanted: str
) -> None:
    record = {
        "type": "publication", "publication": "fact", "subject": "ferry", "predicate": "port", "scope": ADA,
        "to": TEAM, "by": "ada", "reason": "Asked.", "at": "2026-01-01T00:00:00Z",
    } | change  # fmt: skip
    (tmp_path / "bad.jsonl").write_text(json.dumps(record) + "\n")
    done = await memory.imports.run(Graphs.new, [tmp_path / "bad.jsonl"], ImportOptions())
    assert len(done.rejections) == 1
    assert wanted in str(done.rejections[0])
    assert (await memory.publications.list(Graphs.new, scope=TEAM)).items == []


async def test_an_import_that_is_restricted_to_a_scope_publishes_nowhere_else(memory: Memory, tmp_path: Path) -> None:
    await fill(memory)
    await memory.exports.write(Graphs.old, tmp_path / "all.jsonl", ExportOptions())
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    lines = [each for each in lines if each["type"] not in {"source", "kgmem"} and each.get("scope") == ADA]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))

    done = await memory.imports.run(Graphs.new, [tmp_path / "mine.jsonl"], ImportOptions(scope=ADA, within=ADA))

    assert len(done.rejections) == len([each for each in lines if each["type"] == "publication"]) > 0
    assert all("restricted" in str(each) for each in done.rejections)
    assert (await memory.publications.list(Graphs.new, scope=TEAM)).items == []
    assert [
        each for each in (await memory.claims.list(Graphs.new, ClaimFilter(TEAM))).items if each.scope == TEAM
    ] == []


@pytest.mark.long
@pytest.mark.parametrize("kinds", [None, {"claim"}, {"publication"}])
async def test_a_graph_that_never_published_takes_them(memory: Memory, tmp_path: Path, kinds: set[str] | None) -> None:
    """What an import makes first must not wait for what it has locked; graphs of the pool have all tables."""
    await fill(memory)
    new = f"never_{secrets.token_hex(6)}"
    await memory.graphs.create(new)
    await memory.exports.write(Graphs.old, tmp_path / "all.jsonl", ExportOptions())
    if kinds is not None:
        lines = [
            each for each in (tmp_path / "all.jsonl").read_text().splitlines() if json.loads(each)["type"] in kinds
        ]
        (tmp_path / "all.jsonl").write_text("\n".join(lines) + "\n")
    async with asyncio.timeout(30):
        done = await memory.imports.run(new, [tmp_path / "all.jsonl"], ImportOptions())
    if kinds is None:
        assert not done.rejections
        assert await told(memory, new) == await told(memory, Graphs.old)
    await memory.graphs.delete(new)
