"""Standing: what of the candidates may be a hit, and by what name the rest is counted as held back."""

from dataclasses import dataclass

from kgmem.domain.recall.question import Question
from kgmem.store.db.sql import NOTHING, SQL, compose, join, number
from kgmem.store.graph.layout import Layout
from kgmem.store.search import as_of, states, temporal
from kgmem.store.search.request import STANDS, Dimension, Parameters, SearchRequest

_BELOW_CONSENSUS, _OTHER_TIER, _CURRENT, _INVALIDATED, _OTHER_STATE = 3, 4, 5, 6, 7
HELD_BACK = {
    states.SUPERSEDED: "superseded",
    states.NOT_YET_VALID: "not_yet_valid",
    states.PAST: "past",
    _BELOW_CONSENSUS: "below_consensus",
    _OTHER_TIER: "other_tier",
    _CURRENT: "current",
    _INVALIDATED: "invalidated",
    _OTHER_STATE: "other_state",
}
_STATES = {name: number for number, name in states.NAMES.items()}
# What merely ended is an answer; what a later statement replaced is not, and what is yet to come.
_BY_DEFAULT = [states.CURRENT, states.PAST]
# What consensus makes of facts, as the table of stances numbers it.
_BELIEFS = {"verified": 1, "contested": 2, "unverified": 3, "invalidated": 5}
_UNWEIGHED = _BELIEFS["unverified"]
_TIERS = {"hot": 0, "warm": 1, "cold": 2, "distilled": 3}


@dataclass(frozen=True, slots=True)
class Standing:
    """SQL over an item `i`: the condition under which it stands, and the number of why it does not (0: it does)."""

    condition: SQL
    told: SQL


def standing(layout: Layout, request: SearchRequest, parameters: Parameters) -> Standing:
    """Return what stands: by time, by trust, by tier, and of facts by what consensus makes of them."""
    question = request.question
    checks = [_believed(layout, question, parameters)]
    if question.tiers:
        numbers = parameters.add([_TIERS[tier] for tier in question.tiers], "smallint[]")
        checks.append((compose("i.tier = ANY ({})", numbers), number(_OTHER_TIER)))
    if question.min_consensus is not None:
        least = parameters.add(question.min_consensus, "float8")
        trust = layout.sql("recall", "trust")
        checks.append((compose("{} >= {}", trust, least), number(_BELOW_CONSENSUS)))
    if temporal.asks_now(question):  # A time that is asked for says itself what is so then.
        checks.append(_in_time(layout, request, parameters))
    whens = join(" ", (compose("WHEN ({}) IS NOT TRUE THEN {}", condition, why) for condition, why in checks))
    return Standing(
        join(" AND ", (compose("({})", condition) for condition, _ in checks)),
        compose("CASE {} ELSE {} END", whens, number(STANDS)),
    )


def _in_time(layout: Layout, request: SearchRequest, parameters: Parameters) -> tuple[SQL, SQL]:
    """The condition on time: the states that are asked for, else what is current or past, or tells of occurrences.

    An occurrence may be yet to come: it is told as an appointment is.
    """
    asked = [_STATES[each] for each in request.question.states if each in _STATES]
    state = states.state_of(layout, parameters, as_of.present(request.question.when))
    wanted = parameters.add(asked or _BY_DEFAULT, "integer[]")
    exempt = NOTHING if asked else temporal.of_occurrences(layout, request, parameters)
    why = (
        compose(
            "CASE {state} WHEN {current} THEN {} ELSE {state} END",
            number(_CURRENT),
            state=state,
            current=number(states.CURRENT),
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


def _believed(layout: Layout, question: Question, parameters: Parameters) -> tuple[SQL, SQL]:
    """Return the condition on facts: not invalidated, or in one of the states that are asked for.

    What nobody's claims compete with is unverified; what is no fact has no such state.
    """
    asked = [_BELIEFS[each] for each in question.states if each in _BELIEFS]
    held = layout.sql("recall", "stance")
    if not asked:
        return compose("(i.kind <> 3 OR ({}) IS DISTINCT FROM {})", held, number(_BELIEFS["invalidated"])), number(
            _INVALIDATED
        )
    wanted = parameters.add(asked, "smallint[]")
    return compose(
        "(i.kind = 3 AND coalesce(({held}), {unweighed}::smallint) = ANY ({wanted}))",
        held=held,
        unweighed=number(_UNWEIGHED),
        wanted=wanted,
    ), number(_OTHER_STATE)
