"""Procedures that search: by keywords, by vectors, by recall, near a place."""

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from kgmem.domain.recall.answer import Answer, Hit
from kgmem.domain.recall.question import HitKind, Links, Question, Spot, State, What, When, Where
from kgmem.domain.schema.schema import GraphSchema
from kgmem.query.errors import ValueProblem, wrong_type
from kgmem.query.evaluation.functions.spatial import kilometres, place
from kgmem.query.execution.executor import Run
from kgmem.query.execution.procedures import Procedure
from kgmem.query.procedures.context import ProcedureContext, count_of, given, key_of, procedure, scope_of
from kgmem.query.procedures.overview import TEXTS, VECTORS, named_index
from kgmem.query.values import Node, Point, Relationship, Value

_Rows = list[tuple[Value, ...]]
_STATES = get_args(State)
_MOST = 1000  # Hits of one question.
_HALF_KM = 10.0  # Where a place has half the value; distances are computed back from values.
_NODES: tuple[HitKind, ...] = ("entity", "episode")
_OPTIONS = ["k", "labels", "kinds", "scope", "valid_at", "known_at", "any_time", "states", "near", "km"]


def procedures(context: ProcedureContext) -> list[Procedure]:
    """Return these procedures."""

    async def vectors(run: Run, arguments: Sequence[Any]) -> _Rows:
        index, count, vector = arguments[:3]
        named = named_index(await schema_of(context, run), index, "vector", VECTORS)
        if type(vector) is not list or not all(type(each) in {int, float} for each in vector):
            raise wrong_type("a list of numbers", vector)
        if named is not None:
            return await _by_index(run, await run.transaction.nearest(named, vector, count_of(count, 1, _MOST)))
        what = What(vector=[float(each) for each in vector], kinds=_NODES)
        alone = Links(context=False)
        question = Question(what, When(any_time=True), scope=run.scope or "", graph=alone, k=count_of(count, 1, _MOST))
        return await _scored(run, await context.found(run, question), "meaning")

    async def texts(run: Run, arguments: Sequence[Any]) -> _Rows:
        named = named_index(await schema_of(context, run), arguments[0], "fulltext", TEXTS)
        options = given(arguments, 2, {})
        options = options if isinstance(options, dict) else {}
        count = count_of(options.get("limit", 100 if named else 20), 1, _MOST)
        if named is not None:
            return await _by_index(run, await run.transaction.worded(named, str(arguments[1]), count))
        what = What(text=str(arguments[1]), kinds=_NODES)
        weights = {"meaning": 0.0, "recency": 0.0, "context": 0.0}
        question = Question(what, When(any_time=True), scope=run.scope or "", k=count, weights=weights)
        return await _scored(run, await context.found(run, question), "words")

    async def recall(run: Run, arguments: Sequence[Any]) -> _Rows:
        question = _question(run, str(arguments[0]), given(arguments, 1, {}))
        answer = await context.found(run, question)
        nodes, links = await held(run, answer)
        return [
            (
                nodes.get(hit.id),
                links.get(hit.id),
                hit.score,
                hit.kind,
                hit.key,
                hit.label,
                hit.name,
                hit.text,
                {
                    name: {
                        "rank": retriever.rank,
                        "value": retriever.value,
                        "share": retriever.share,
                        "listed": retriever.listed,
                    }
                    for name, retriever in hit.retrievers.items()
                },
                hit.state,
                hit.valid_from,
                hit.valid_to,
            )
            for hit in answer.hits
        ]

    async def nearest(run: Run, arguments: Sequence[Any]) -> _Rows:
        spot = place(arguments[0])
        if spot is None:
            return []
        labels = given(arguments, 2, [])
        what = What(labels=[labels] if isinstance(labels, str) else labels, kinds=("entity",))
        count = count_of(given(arguments, 1, 10), 1, _MOST)
        where = Where(near=Spot(point=(spot.x, spot.y)), nearest=count, half_km=_HALF_KM)
        answer = await context.found(run, Question(what, When(any_time=True), where, scope=run.scope or "", k=count))
        nodes, _ = await held(run, answer)
        found = [(nodes[hit.id], _kilometres_of(hit, spot)) for hit in answer.hits if hit.id in nodes]
        return sorted(found, key=lambda pair: pair[1])

    by_vector = "db.index.vector.queryNodes(indexName STRING, numberOfNearestNeighbours INTEGER, query LIST)"
    by_text = "db.index.fulltext.queryNodes(indexName STRING, queryString STRING, options MAP?)"
    by_link_vector, by_link_text = (each.replace("queryNodes", "queryRelationships") for each in (by_vector, by_text))
    columns = "node NODE, relationship RELATIONSHIP, score FLOAT, kind STRING, key STRING, label STRING, name STRING, "
    columns += "text STRING, retrievers MAP, state STRING, valid_from STRING, valid_to STRING"
    near = "kgmem.nearest(to ANY, count INTEGER?, labels ANY?) :: (node NODE, km FLOAT)"
    return [
        procedure(f"{by_vector} :: (node NODE, score FLOAT)", "Nodes nearest to a vector.", vectors),
        procedure(
            f"{by_link_vector} :: (relationship RELATIONSHIP, score FLOAT)",
            "Relationships nearest to a vector.",
            vectors,
        ),
        procedure(f"{by_link_text} :: (relationship RELATIONSHIP, score FLOAT)", "Relationships by keywords.", texts),
        procedure(f"{by_text} :: (node NODE, score FLOAT)", "Nodes by keywords.", texts),
        procedure(f"kgmem.recall(question STRING, options MAP?) :: ({columns})", "Hits of recall.", recall),
        procedure(near, "Entities nearest to a point or to a node with a place.", nearest),
    ]


def _kilometres_of(hit: Hit, spot: Point) -> float:
    """Return how far a hit is; that of one placed by links alone follows from its value in `where`."""
    own = kilometres(hit.place, spot) if hit.place else None
    return _HALF_KM / hit.retrievers["where"].value - _HALF_KM if own is None else own


async def held(run: Run, answer: Answer) -> tuple[Mapping[int, Node], Mapping[int, Relationship]]:
    """Return the nodes and relationships of hits, as the transaction sees them."""
    nodes = await run.transaction.nodes([hit.id for hit in answer.hits if hit.kind in _NODES])
    links = await run.transaction.relationships([hit.id for hit in answer.hits if hit.kind == "fact"])
    return nodes, links


async def schema_of(context: ProcedureContext, run: Run) -> GraphSchema:
    """Return the schema of the graph that is requested."""
    return context.schema(await context.graph(run.graph))


async def _by_index(run: Run, found: Sequence[tuple[int, float]]) -> _Rows:
    ids = [id_ for id_, _ in found]
    held: Mapping[int, Node | Relationship] = {
        **await run.transaction.nodes(ids),
        **await run.transaction.relationships(ids),
    }
    return [(held[id_], score) for id_, score in found if id_ in held]


async def _scored(run: Run, answer: Answer, retriever: str) -> _Rows:
    nodes, _ = await held(run, answer)
    return [
        (nodes[hit.id], float(hit.retrievers[retriever].value))
        for hit in answer.hits
        if hit.id in nodes and retriever in hit.retrievers
    ]


def _question(run: Run, text: str, options: Any) -> Question:
    if not isinstance(options, dict):
        raise wrong_type("a map of options", options)
    for name in options:
        if name not in _OPTIONS:
            raise ValueProblem(f"Unknown option of recall: {name}.", hint=f"Options are {', '.join(_OPTIONS)}.")
    kinds = tuple(options.get("kinds") or ("entity", "episode", "fact"))
    when = When(
        valid_at=_text(options.get("valid_at")),
        known_at=_text(options.get("known_at")),
        any_time=bool(options.get("any_time")),
    )
    return Question(
        What(text=text, labels=tuple(options.get("labels") or ()), kinds=kinds),
        when,
        _near(options),
        scope=scope_of(run, options.get("scope")),
        states=_states(options.get("states")),
        k=count_of(options.get("k", 20), 1, _MOST),
    )


def _states(named: Value) -> tuple[State, ...]:
    """Return the states that are requested. Raises ValueProblem for one that is none."""
    names = [named] if isinstance(named, str) else named or []
    if not isinstance(names, list) or not all(name in _STATES for name in names):
        raise ValueProblem("states must be a list of states of recall.", hint=f"Give a list of {', '.join(_STATES)}.")
    return tuple(cast(list[State], names))


def _near(options: Mapping[str, Any]) -> Where:
    near = options.get("near")
    if near is None:
        return Where()
    km = options.get("km")
    if isinstance(near, str):
        return Where(near=Spot(entity=key_of(near)), km=km)
    spot = place(near)
    return Where() if spot is None else Where(near=Spot(point=(spot.x, spot.y)), km=km)


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
