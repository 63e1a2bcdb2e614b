"""Visibility of candidates: which of them may be hits, and the reason that is counted for each suppressed one.

An item whose valid time ended is past, and may be a hit. Only a later statement makes a fact superseded: its kind is
one-valued (functional), its valid time is over, and another fact of the same start began later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kgmem.domain.recall.question import Question, TimeState
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, join, number
from kgmem.store.graph.layout import EDGE, Layout
from kgmem.store.search import as_of, temporal
from kgmem.store.search.request import STANDS, Dimension, Parameters, SearchRequest

CURRENT, SUPERSEDED, NOT_YET_VALID, PAST = 0, 1, 2, 8
NAMES: Final[Mapping[int, TimeState]] = {
    CURRENT: "current",
    SUPERSEDED: "superseded",
    NOT_YET_VALID: "not_yet_valid",
    PAST: "past",
}


def state_of(layout: Layout, parameters: Parameters, now: SQL) -> SQL:
    """Return the SQL of the state of an item `i` (a key of NAMES) at the moment `now`.

    Only later statements in the visible scopes (the table `seen` of the statement) supersede a fact.
    """
    functional = [layout.labels[EDGE, name].id for name in _functional(layout) if (EDGE, name) in layout.labels]
    replaced = SQL("false")
    if functional:
        places = {"functional": parameters.add(functional, "bigint[]"), "now": now}
        replaced = compose("({})", fill(layout.sql("recall", "replaced"), places))
    return compose("({})", fill(layout.sql("recall", "state"), {"now": now, "replaced": replaced}))


def _functional(layout: Layout) -> list[str]:
    schema = layout.schema()
    declared = (kind.name for kind in schema.kinds.values() if kind.functional)
    return list(dict.fromkeys((*declared, *(name for name, rule in schema.rules.items() if rule.functional))))


_BELOW_CONSENSUS, _OTHER_TIER, _CURRENT_EXCLUDED, _INVALIDATED, _OTHER_STATE = 3, 4, 5, 6, 7
HELD_BACK = {
    SUPERSEDED: "superseded",
    NOT_YET_VALID: "not_yet_valid",
    PAST: "past",
    _BELOW_CONSENSUS: "below_consensus",
    _OTHER_TIER: "other_tier",
    _CURRENT_EXCLUDED: "current",
    _INVALIDATED: "invalidated",
    _OTHER_STATE: "other_state",
}
_STATES = {name: number for number, name in NAMES.items()}
# States in time that may be hits unless the question names others.
_DEFAULT_STATES = [CURRENT, PAST]
# States of facts in the consensus, numbered as in the table relationship_state.
_FACT_STATES = {"verified": 1, "contested": 2, "unverified": 3, "invalidated": 5}
_UNWEIGHED = _FACT_STATES["unverified"]
_TIERS = {"hot": 0, "warm": 1, "cold": 2, "distilled": 3}


@dataclass(frozen=True, slots=True)
class Visibility:
    """SQL over an item `i`: the condition under which it is visible, and the number of why it is not (0: it is).

    The numbers are the keys of HELD_BACK.
    """

    condition: SQL
    told: SQL


def visibility(layout: Layout, request: SearchRequest, parameters: Parameters) -> Visibility:
    """Return which items are visible: by time, tier and trust, and facts also by their state in the consensus."""
    question = request.question
    checks = [_in_fact_state(layout, question, parameters)]
    if question.tiers:
        numbers = parameters.add([_TIERS[tier] for tier in question.tiers], "smallint[]")
        checks.append((compose("i.tier = ANY ({})", numbers), number(_OTHER_TIER)))
    if question.min_consensus is not None:
        least = parameters.add(question.min_consensus, "float8")
        trust = layout.sql("recall", "trust")
        checks.append((compose("{} >= {}", trust, least), number(_BELOW_CONSENSUS)))
    if temporal.asks_now(question):  # A question about another time has its own condition (temporal.py).
        checks.append(_in_time(layout, request, parameters))
    whens = join(" ", (compose("WHEN ({}) IS NOT TRUE THEN {}", condition, why) for condition, why in checks))
    return Visibility(
        join(" AND ", (compose("({})", condition) for condition, _ in checks)),
        compose("CASE {} ELSE {} END", whens, number(STANDS)),
    )


def _in_time(layout: Layout, request: SearchRequest, parameters: Parameters) -> tuple[SQL, SQL]:
    """Return the condition on time: the requested states; by default current and past items, and occurrences.

    An occurrence (an event) may begin in the future, as an appointment does.
    """
    asked = [_STATES[each] for each in request.question.states if each in _STATES]
    state = state_of(layout, parameters, as_of.present(request.question.when))
    wanted = parameters.add(asked or _DEFAULT_STATES, "integer[]")
    exempt = NOTHING if asked else temporal.of_occurrences(layout, request, parameters)
    why = (
        compose(
            "CASE {state} WHEN {current} THEN {} ELSE {state} END",
            number(_CURRENT_EXCLUDED),
            state=state,
            current=number(CURRENT),
        )
        if asked
        else state
    )
    return compose("{state} = ANY ({wanted}){exempt}", state=state, wanted=wanted, exempt=exempt), why


def trusted(layout: Layout, request: SearchRequest, _: Parameters) -> Dimension | None:
    """Return the dimension of trust, which ranks what the other retrievers find, if the question gives it a weight."""
    if not request.question.weights.get("trust"):
        return None
    return Dimension("trust", value=layout.sql("recall", "trust"))


def _in_fact_state(layout: Layout, question: Question, parameters: Parameters) -> tuple[SQL, SQL]:
    """Return the condition on facts: not invalidated, or in one of the requested states.

    A fact without a computed consensus is unverified; other items have no such state.
    """
    asked = [_FACT_STATES[each] for each in question.states if each in _FACT_STATES]
    stored = layout.sql("recall", "stance")
    if not asked:
        return compose(
            "(i.kind <> 3 OR ({}) IS DISTINCT FROM {})", stored, number(_FACT_STATES["invalidated"])
        ), number(_INVALIDATED)
    wanted = parameters.add(asked, "smallint[]")
    return compose(
        "(i.kind = 3 AND coalesce(({stored}), {unweighed}::smallint) = ANY ({wanted}))",
        stored=stored,
        unweighed=number(_UNWEIGHED),
        wanted=wanted,
    ), number(_OTHER_STATE)
