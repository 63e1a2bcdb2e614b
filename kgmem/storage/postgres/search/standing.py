"""Standing: what of the candidates may be a hit, and by what name the rest is counted as held back."""

from dataclasses import dataclass

from kgmem.storage.postgres.layout import Layout
from kgmem.storage.postgres.search import past, times
from kgmem.storage.postgres.search.request import STANDS, Parameters, SearchRequest

_SUPERSEDED, _NOT_YET_VALID, _BELOW_CONSENSUS, _OTHER_TIER, _CURRENT = 1, 2, 3, 4, 5
HELD_BACK = {
    _SUPERSEDED: "superseded",
    _NOT_YET_VALID: "not_yet_valid",
    _BELOW_CONSENSUS: "below_consensus",
    _OTHER_TIER: "other_tier",
    _CURRENT: "current",
}
_STATES = {"current": STANDS, "superseded": _SUPERSEDED, "not_yet_valid": _NOT_YET_VALID}
_TIERS = {"hot": 0, "warm": 1, "cold": 2, "distilled": 3}


@dataclass(frozen=True, slots=True)
class Standing:
    """SQL over an item `i`: the condition under which it stands, and the number of why it does not (0: it does)."""

    condition: str
    told: str


def standing(layout: Layout, request: SearchRequest, parameters: Parameters) -> Standing:
    """Give what stands: by time, by trust, by tier."""
    question = request.question
    checks = []
    if question.tiers:
        numbers = parameters.add([_TIERS[tier] for tier in question.tiers], "smallint[]")
        checks.append((f"i.tier = ANY ({numbers})", str(_OTHER_TIER)))
    if question.min_consensus is not None:
        least = parameters.add(question.min_consensus, "float8")
        trust = layout.sql("recall", "trust")
        checks.append((f"{trust} >= {least}", str(_BELOW_CONSENSUS)))
    in_time = times.stands(layout, request, parameters)
    if in_time != "true":
        later = f"lower(i.valid) > {past.present(question.when)}"
        checks.append((in_time, f"CASE WHEN {later} THEN {_NOT_YET_VALID} ELSE {_SUPERSEDED} END"))
    if question.states and in_time != "true":  # A time that is asked for says itself what is so then.
        state = f"CASE WHEN {checks[-1][0]} THEN {STANDS} ELSE {checks[-1][1]} END"
        wanted = parameters.add([_STATES[each] for each in question.states], "integer[]")
        checks[-1] = (f"{state} = ANY ({wanted})", f"CASE {state} WHEN {STANDS} THEN {_CURRENT} ELSE {state} END")
    if not checks:
        return Standing("true", str(STANDS))
    whens = " ".join(f"WHEN ({condition}) IS NOT TRUE THEN {why}" for condition, why in checks)
    return Standing(" AND ".join(f"({condition})" for condition, _ in checks), f"CASE {whens} ELSE {STANDS} END")
