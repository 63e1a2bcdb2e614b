"""Review: what waits for people, and what they decide."""

from collections.abc import Sequence

from kgmem.domain.claims.claim import Adjudication, Correlated, FactFilter, HeldFact, Ruling
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.services.ports import Ports
from kgmem.services.texts.remember import schema_of

MOST_FACTS = 1000  # Of one decision.
_DECIDES = {"accept", "reject", "defer", "collapse", "observe"}


async def queue(parts: Ports, graph: str, scope: str, cursor: str | None, limit: int) -> Page[HeldFact]:
    """Give a page of the contested facts of predicates that the schema marks critical."""
    schema = schema_of(parts.core_schema, await parts.graphs.get(graph))
    critical = sorted(name for name, rule in schema.rules.items() if rule.critical)
    asked = FactFilter(scope, states=("contested",), cursor=cursor, limit=limit)
    return await parts.claims.facts(graph, asked, predicates=critical)


async def decide(parts: Ports, graph: str, ruling: Ruling, scope: str) -> Sequence[Adjudication]:
    """Take a decision on facts, or say what it would do. Raises InvalidInput, NotFound, Conflict."""
    if ruling.action not in _DECIDES:
        raise InvalidInput(f"{ruling.action!r} decides nothing.", hint=f"Give one of {', '.join(sorted(_DECIDES))}.")
    if not 1 <= len(ruling.facts) <= MOST_FACTS:
        raise InvalidInput(f"{len(ruling.facts)} facts are named.", hint=f"Name 1 to {MOST_FACTS}.")
    if not ruling.by.strip() or not ruling.reason.strip():
        raise InvalidInput("A decision says by whom it is, and why.", hint="Give by and reason.")
    if ruling.action == "observe" and ruling.value is None:
        raise InvalidInput("Nothing was observed.", hint="Give the value that was seen.")
    return await parts.claims.rule(graph, ruling, scope)


async def correlate(parts: Ports, graph: str, correlated: Correlated) -> int:
    """Declare that facts hang together; gives the correlation's id. Raises InvalidInput, NotFound."""
    if not 2 <= len(correlated.facts) <= 50 or len(correlated.facts) != len(correlated.values):
        raise InvalidInput("A correlation is of 2 to 50 facts, each with a value.", hint="Give facts and values.")
    if len(set(correlated.facts)) != len(correlated.facts):
        raise InvalidInput("A correlation names a fact twice.", hint="Name each fact once.")
    if not 0 < correlated.strength <= 1:
        raise InvalidInput(f"strength is {correlated.strength}.", hint="Give a number above 0 and at most 1.")
    return await parts.claims.correlate(graph, correlated)
