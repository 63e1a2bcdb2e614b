"""Causes, effects and consensus inside of queries."""

from collections.abc import Sequence
from typing import Any

from kgmem.domain.recall.question import Question, What, When, Why
from kgmem.query.execution.executor import Run
from kgmem.query.execution.procedures import Procedure
from kgmem.query.procedures.searching import held
from kgmem.query.procedures.surroundings import Surroundings, count_of, given, key_of, procedure
from kgmem.query.values import Value
from kgmem.query.values.problems import wrong_type

_Rows = list[tuple[Value, ...]]
_MOST = 1000  # Causes or effects of one entity.
_DEEPEST = 20


def procedures(around: Surroundings) -> list[Procedure]:
    """Return these procedures."""

    async def linked(run: Run, arguments: Sequence[Any], *, causes: bool) -> _Rows:
        key = [key_of(arguments[0])]
        depth, strength = count_of(given(arguments, 1, 5), 1, _DEEPEST), given(arguments, 2, 0.0)
        if type(strength) not in {int, float}:
            raise wrong_type("a number", strength)
        why = Why(key if causes else (), () if causes else key, depth=depth, min_strength=float(strength))
        question = Question(What(kinds=("entity",)), When(any_time=True), why=why, scope=run.scope or "", k=_MOST)
        answer = await around.found(run, question)
        nodes, _ = await held(run, answer)
        return [
            (nodes[hit.id], hit.retrievers["why"].value)
            for hit in answer.hits
            if hit.id in nodes and "why" in hit.retrievers
        ]

    async def causes(run: Run, arguments: Sequence[Any]) -> _Rows:
        return await linked(run, arguments, causes=True)

    async def effects(run: Run, arguments: Sequence[Any]) -> _Rows:
        return await linked(run, arguments, causes=False)

    async def consensus(run: Run, arguments: Sequence[Any]) -> _Rows:
        predicate = given(arguments, 1, None)
        facts = await around.facts_of(run.graph, run.scope or "", key_of(arguments[0]), predicate)
        return [
            (each.id, each.predicate, _value(each.value), each.probability, each.state, each.reason) for each in facts
        ]

    taken = "(of ANY, depth INTEGER?, minStrength NUMBER?) :: (node NODE, strength FLOAT)"
    weighed = "kgmem.consensus(subject ANY, predicate STRING?) :: "
    weighed += "(fact INTEGER, predicate STRING, value ANY, probability FLOAT, state STRING, reason STRING)"
    return [
        procedure(f"kgmem.causes{taken}", "What led to an entity, with the strength of the path.", causes),
        procedure(f"kgmem.effects{taken}", "What an entity led to, with the strength of the path.", effects),
        procedure(weighed, "What the sources together make of a subject.", consensus),
    ]


def _value(value: Any) -> Value:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(name): _value(each) for name, each in value.items()}
    return [_value(each) for each in value] if isinstance(value, list | tuple) else str(value)
