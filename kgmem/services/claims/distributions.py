"""Superposing: facts that sources disagree on, given as distributions, drawn, or collapsed for one answer.

Nothing of it is written: each question may look at the same open facts in its own way.
"""

from collections.abc import Mapping
from dataclasses import replace

import orjson

from kgmem.domain.claims.claim import Option, StoredFact
from kgmem.domain.claims.superposition import CollapseRule, collapse, sample, superposed
from kgmem.domain.recall.answer import Answer, Hit
from kgmem.domain.recall.question import Question, Superposed
from kgmem.services.ports import Ports

_NOT_CHOSEN = "not_chosen"


async def superpose(ports: Ports, graph: str, question: Question, answer: Answer) -> Answer:
    """Return the answer with the alternatives of its facts; of a rule that decides, without what it decides against."""
    asked = question.superposition
    ids = [hit.id for hit in answer.hits if hit.kind == "fact"]
    if asked is None or not ids or not await ports.claims.any(graph):
        return answer
    held = await ports.claims.facts_by_id(graph, ids, question.scope, known_at=question.when.known_at)
    open_ = {id_: fact for id_, fact in held.items() if len(fact.options) > 1}
    said = await _said(ports, graph, open_)
    chosen = {fact.id: _chosen(fact, asked) for fact in open_.values()}
    hits, out = [], 0
    for hit in answer.hits:
        fact = open_.get(hit.id)
        if fact is None:
            hits.append(hit)
        elif chosen[fact.id] in (None, _own(hit, fact, said)):
            hits.append(replace(hit, alternatives=fact.options))
        else:
            out += 1
    suppressed = {**answer.suppressed, _NOT_CHOSEN: out} if out else answer.suppressed
    return replace(answer, hits=hits, suppressed=suppressed)


async def _said(ports: Ports, graph: str, open_: Mapping[int, StoredFact]) -> Mapping[int, int]:
    """Return by claim the relationship that says it."""
    ids = sorted({claim for fact in open_.values() for option in fact.options for claim in option.claims})
    claims = await ports.claims.claims_by_id(graph, ids) if ids else []
    return {claim.id: claim.relationship for claim in claims if claim.id is not None and claim.relationship is not None}


def _own(hit: Hit, fact: StoredFact, said: Mapping[int, int]) -> str | None:
    """Return the value that a hit tells, as text."""
    mine = [option for option in fact.options if any(said.get(claim) == hit.id for claim in option.claims)]
    mine = mine or [option for option in fact.options if hit.end and option.value == hit.end.key]
    return _text(mine[0]) if mine else None


def _chosen(fact: StoredFact, asked: Superposed) -> str | None:
    """The value that the rule decides for; None where it leaves the fact open, and for the distribution itself."""
    if asked.rule == "distribution":
        return None
    held = superposed({_text(option): option.probability for option in fact.options})
    if asked.rule != "sample":
        return collapse(held, CollapseRule(asked.rule), level=asked.level).value
    # Each fact has a draw of its own, the same whatever else is in the answer.
    drawn = sample(held, asked.seed * 1_000_003 + fact.id)
    return "" if drawn is None else drawn


def _text(option: Option) -> str:
    return option.value if isinstance(option.value, str) else orjson.dumps(option.value).decode()
