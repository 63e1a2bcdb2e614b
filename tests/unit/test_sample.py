"""The sample graph about the Apollo programme: whole, strict, and at odds with itself where it should be."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import pytest

from kgmem.domain.schema.schema import GraphSchema, check_entity, check_relationship
from kgmem.domain.space.place import parse_place
from kgmem.domain.time.interval import Interval, parse_time, valid_interval
from kgmem.formats.records import Kind
from kgmem.formats.toml_schema import ONTOLOGY, load_schema
from kgmem.formats.wire import from_wire
from kgmem.resources import resource

Row = dict[str, Any]
FOLDER = resource("sample") / "apollo"
KINDS: dict[str, Kind] = {
    "entities": "entity",
    "relationships": "relationship",
    "episodes": "episode",
    "sources": "source",
}


def rows(name: str) -> list[Row]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


ENTITIES, RELATIONSHIPS, EPISODES, SOURCES = (rows(name) for name in KINDS)
BY_KEY = {row["key"]: row for row in ENTITIES}
SOURCE_KEYS = {row["key"] for row in SOURCES}
DISAGREEMENTS: list[Row] = json.loads((FOLDER / "disagreements.json").read_text(encoding="utf-8"))
QUESTIONS: list[Row] = json.loads((FOLDER / "questions.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schema() -> GraphSchema:
    return load_schema(resource("graph_schema"), (*ONTOLOGY, "apollo"))


def valid(row: Row) -> Interval:
    return valid_interval(row.get("valid_from"), row.get("valid_to"))


def identity(row: Row) -> tuple[str, ...]:
    if "key" in row:
        return (row["key"],)
    return (row["kind"], row["from"], row["to"], row.get("valid_from", ""))


def named(reference: Row) -> list[Row]:
    """Return the relationships that a position of a disagreement refers to, by key or by kind and ends."""
    if "key" in reference:
        return [row for row in RELATIONSHIPS if row.get("key") == reference["key"]]
    return [row for row in RELATIONSHIPS if "key" not in row and reference.items() <= row.items()]


def test_the_sample_is_as_large_as_it_says() -> None:
    assert (len(ENTITIES), len(RELATIONSHIPS), len(EPISODES), len(SOURCES)) == (772, 1996, 187, 12)
    assert len({row["kind"] for row in RELATIONSHIPS}) >= 25
    assert len({row["trust"] for row in SOURCES}) >= 5
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for count in ("772", "1,996", "187", "12", str(len(DISAGREEMENTS))):
        assert count in readme


@pytest.mark.parametrize("name", KINDS)
def test_every_line_is_a_record_of_the_wire(name: str) -> None:
    for row in rows(name):
        from_wire(KINDS[name], row)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("entities", lambda row: row["key"]),
        (
            "relationships",
            lambda row: (row["kind"], row["from"], row["to"], row.get("valid_from", ""), row.get("key", "")),
        ),
        ("episodes", lambda row: row["key"]),
        ("sources", lambda row: row["key"]),
    ],
)
def test_the_files_are_sorted_and_name_nothing_twice(name: str, order: Callable[[Row], Any]) -> None:
    found = rows(name)
    assert found == sorted(found, key=order)
    names = Counter(identity(row) if name == "relationships" else row["key"] for row in found)
    assert [repeated for repeated, count in names.items() if count > 1] == []


def test_every_reference_resolves() -> None:
    ends = {row[end] for row in RELATIONSHIPS for end in ("from", "to")}
    mentioned = {key for row in EPISODES for key in row["mentions"]}
    said = {row["source"] for row in (*ENTITIES, *RELATIONSHIPS, *EPISODES)}
    assert (ends | mentioned) - BY_KEY.keys() == set()
    assert said - SOURCE_KEYS == set()
    assert BY_KEY.keys() - ends == set()
    assert all(row["mentions"] for row in EPISODES)


def test_every_time_and_place_is_one_that_kgmem_reads() -> None:
    for row in (*ENTITIES, *RELATIONSHIPS):
        valid(row)
    for row in EPISODES:
        parse_time(row["occurred_at"])
    places = [parse_place(row["place"]) for row in ENTITIES if "place" in row]
    assert len(places) >= 150


def test_nothing_on_the_moon_has_a_place_on_the_earth() -> None:
    sites = [row for row in ENTITIES if row["label"] == "LandingSite"]
    assert len(sites) >= 6
    assert not any("place" in row for row in sites)


def test_the_sample_is_strictly_what_its_schema_declares(schema: GraphSchema) -> None:
    violations = [
        (row["key"], str(found))
        for row in ENTITIES
        for found in check_entity(
            schema, True, row["label"], {**row["properties"], "name": row["name"], "text": row["text"]}
        )
    ]
    violations += [
        (" ".join(identity(row)), str(found))
        for row in RELATIONSHIPS
        for found in check_relationship(
            schema, True, row["kind"], BY_KEY[row["from"]]["label"], BY_KEY[row["to"]]["label"], row["properties"]
        )
    ]
    assert violations == []


def test_no_cause_begins_after_its_effect(schema: GraphSchema) -> None:
    causal = [row for row in RELATIONSHIPS if schema.kinds[row["kind"]].causal]
    assert {row["kind"] for row in causal} == {"CAUSES", "ENABLES", "CONTRIBUTES_TO", "PREVENTS"}
    for row in causal:
        assert 0 < row["strength"] <= 1, identity(row)
        cause, effect = valid(BY_KEY[row["from"]]).start, valid(BY_KEY[row["to"]]).start
        assert cause is None or effect is None or cause <= effect, identity(row)


def test_the_chain_to_the_given_up_landing_of_apollo_13_has_several_steps() -> None:
    chain = (
        "apollo-13-boil-off",
        "apollo-13-thermostat-weld",
        "apollo-13-insulation-damage",
        "apollo-13-explosion",
        "apollo-13-fuel-cells-lost",
        "apollo-13-landing-aborted",
        "apollo-13-free-return-burn",
    )
    causes = {(row["from"], row["to"]) for row in RELATIONSHIPS if row["kind"] == "CAUSES"}
    assert [step for step in pairwise(chain) if step not in causes] == []


def test_nobody_shares_the_lead_at_one_time() -> None:
    for first, second in combinations((row for row in RELATIONSHIPS if row["kind"] == "LED_BY"), 2):
        if first["from"] == second["from"]:
            assert not valid(first).overlaps(valid(second)), (identity(first), identity(second))


def test_one_source_never_contradicts_itself_on_a_functional_kind(schema: GraphSchema) -> None:
    functional = [row for row in RELATIONSHIPS if schema.kinds[row["kind"]].functional]
    for first, second in combinations(functional, 2):
        same = all(first[part] == second[part] for part in ("kind", "from", "source"))
        if same and first["to"] != second["to"]:
            assert not valid(first).overlaps(valid(second)), (identity(first), identity(second))


def test_sources_disagree_on_at_least_a_dozen_things() -> None:
    assert len(DISAGREEMENTS) >= 12
    episodes = {row["key"]: row for row in EPISODES}
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for item in DISAGREEMENTS:
        positions = item["positions"]
        assert len({position["source"] for position in positions}) >= 2, item["key"]
        assert len({position["says"] for position in positions}) >= 2, item["key"]
        for position in positions:
            found = named(position["relationship"])
            assert [row["source"] for row in found] == [position["source"]], (item["key"], position)
        assert len({episodes[key]["source"] for key in item["episodes"]}) >= 2, item["key"]
        assert item["question"] in readme


def test_the_questions_expect_what_the_sample_holds() -> None:
    assert len(QUESTIONS) == 12
    known = BY_KEY.keys() | {row["key"] for row in EPISODES}
    for row in QUESTIONS:
        assert row["question"]["what"]["text"]
        assert row["expected"]
        assert set(row["expected"]) <= known, row
