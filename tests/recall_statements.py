"""The candidate statement of a recall for a list of questions, composed without a database.

`python -m tests.recall_statements` writes them to tests/golden/recall, one file for each question, so that a diff shows
what a change does to the SQL. tests/unit/test_recall_statements.py compares them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kgmem.domain.graph.graph import Graph
from kgmem.domain.recall.question import Hops, Links, Question, Relation, Spot, What, When, Where, Why
from kgmem.domain.schema.schema import from_mapping
from kgmem.store.graph.layout import EDGE, VERTEX, Label, Layout
from kgmem.store.search.request import SearchRequest
from kgmem.store.search.statement import candidate_statement

FOLDER = Path(__file__).parent / "golden" / "recall"
_VECTOR = (0.6, 0.8)
_WORDS = What(text="landing")
_SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}
_SCHEMA = {
    "labels": {"Person": {}, "Place": {}, "Mission": {"properties": {"number": {"type": "integer", "indexed": True}}}},
    "kinds": {"LED_BY": {"functional": True}, "CAUSES": {"causal": True}, "LOCATED_IN": {"containment": True}},
}
_LABELS = (
    (VERTEX, "Episode"),
    (VERTEX, "Person"),
    (VERTEX, "Place"),
    (VERTEX, "Mission"),
    (EDGE, "LED_BY"),
    (EDGE, "CAUSES"),
    (EDGE, "LOCATED_IN"),
    (EDGE, "SIMILAR_TO"),
)

# A question of one dimension asks by meaning alone, of any time: what words and time add is in files of their own.
_ALONE: Mapping[str, float] = {"words": 0.0}
_ANY = When(any_time=True)


def _asked(what: What = _WORDS, when: When = _ANY, **parts: Any) -> Question:
    return Question(what, when, **{"weights": _ALONE, **parts})


QUESTIONS: Mapping[str, Question] = {
    "semantic": _asked(),
    "keyword": _asked(weights={"meaning": 0.0}),
    "fused": _asked(weights={}),
    "scope": _asked(scope="team/project"),
    "labels_kinds_and_sources": _asked(What("landing", labels=("Mission",), kinds=("entity",), sources=("nasa",))),
    "property": _asked(What("landing", labels=("Mission",), properties={"number": {"gte": 5}})),
    "property_text": _asked(What("landing", properties={"name": {"starts_with": "A"}})),
    "property_list": _asked(What("landing", properties={"crew": {"contains": "Lovell"}})),
    "spatial_near_point": _asked(where=Where(near=Spot(point=(1.0, 2.0)), km=30.0)),
    "spatial_near_entity": _asked(where=Where(near=Spot(entity="cape"), half_km=10.0), modes={"where": "should"}),
    "spatial_nearest": _asked(where=Where(near=Spot(point=(1.0, 2.0)), nearest=3)),
    "spatial_box": _asked(where=Where(box=(170.0, -10.0, -170.0, 10.0))),
    "spatial_polygon": _asked(where=Where(within=_SQUARE)),
    "spatial_place": _asked(where=Where(place="florida")),
    "temporal_now": _asked(when=When()),
    "temporal_valid_at": _asked(when=When(valid_at="1969-07")),
    "temporal_between": _asked(What(), When(between=("1969", None)), modes={"when": "should"}),
    "temporal_relation": _asked(when=When(relation=Relation("during", of=("1969", "1970")))),
    "temporal_relation_to_entity": _asked(when=When(relation=Relation("after", entity="apollo-11"))),
    "temporal_recency": _asked(when=When(any_time=True, half_life_days=30.0)),
    "temporal_as_known": _asked(when=When(any_time=True, known_at="2020"), weights={}),
    "causal_causes": _asked(What(), why=Why(causes_of=("landing",), depth=3, min_strength=0.1)),
    "causal_effects": _asked(why=Why(effects_of=("explosion",)), modes={"why": "should"}),
    "causal_paths": _asked(What(), why=Why(start="explosion", end="landing")),
    "hops": _asked(graph=Links(hops=Hops(("apollo-11",), 2, kinds=("LED_BY",), direction="out"))),
    "graph_expansion": _asked(What("landing", start=("apollo-11",)), graph=Links(expand=True)),
    "adjacent_turns": _asked(graph=Links(context=True)),
    "trust": _asked(min_consensus=0.5, tiers=("hot", "warm"), weights={"trust": 1.0, **_ALONE}),
    "states": _asked(states=("superseded", "verified")),
    "numbered_names": _asked(What("Who flew on Apollo 13?")),
    "listed": _asked(What()),
    "all_dimensions": _asked(
        What("landing", labels=("Mission",)),
        When(valid_at="1970"),
        where=Where(near=Spot(entity="cape"), km=50.0, half_km=5.0),
        why=Why(effects_of=("explosion",)),
        graph=Links(expand=True, hops=Hops(("apollo-13",), 1), context=True),
        weights={"trust": 0.5},
    ),
}


def layout() -> Layout:
    """Return a graph's layout as a process knows it, of fixed numbers."""
    graph = Graph("flights", schema=_SCHEMA)
    labels = [Label(number, kind, name, name, 100 + number) for number, (kind, name) in enumerate(_LABELS, 3)]
    return Layout(
        graph, 1, "flights", "kgm_1", "vector_1", None, None,
        labels={(label.kind, label.name): label for label in labels},
        by_id={label.id: label for label in labels},
        sources={"nasa": 7},
        schema_of=lambda graph: from_mapping(graph.schema),
    )  # fmt: skip


def rendered(question: Question) -> str:
    """Return the retrievers, values and SQL of the statement that finds a question's candidates, broken into lines."""
    space = layout().as_known() if question.when.known_at else layout()
    request = SearchRequest(question, _VECTOR if question.what.text else None, ("Mission",), words=True)
    statement = candidate_statement(space, request, only_standing=False, most=40)
    assert statement is not None
    values = "".join(f"-- ${at}: {value!r}\n" for at, value in enumerate(statement.values, 1))
    refusals = "".join(f"-- refused: {error}\n" for error in statement.refusals)
    return f"-- retrievers: {', '.join(statement.retrievers)}\n{values}{refusals}{_broken(statement.sql)}\n"


def _broken(sql: str) -> str:
    """Return SQL with a line for each table, condition and part of a union, and without lines of comments."""
    sql = re.sub(r"(?m)--.*$", "", sql)
    sql = re.sub(r" +(UNION ALL |WHEN |ELSE |AND \(|(?:FROM|WHERE) \()", r"\n\1", sql)
    sql = re.sub(r", (?=\"?[a-z_0-9]+\"? (?:\([a-z_, ]+\) )?AS (?:MATERIALIZED )?\()", ",\n", sql)
    return "\n".join(line.rstrip() for line in sql.splitlines() if line.strip())


def write() -> None:
    """Write all statements, and delete those of questions that are gone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.sql"):
        if path.stem not in QUESTIONS:
            path.unlink()
    for name, question in QUESTIONS.items():
        (FOLDER / f"{name}.sql").write_text(rendered(question), encoding="utf-8")


if __name__ == "__main__":
    write()
