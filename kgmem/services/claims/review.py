"""Review: facts that wait for a person, adjudications, and correlations of facts."""

from collections.abc import Sequence
from dataclasses import replace

from kgmem.domain.claims.claim import Adjudication, Correlated, Decision, FactFilter, NewAdjudication, StoredFact
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.time.interval import parse_time
from kgmem.services.ports import Ports
from kgmem.services.texts.remember import schema_of

MOST_FACTS = 1000  # Of one decision.
_FEW = 2000  # Claims that are weighed together at once after a decision.
_LABELS = {"accept", "reject", "observe"}
_DECIDES = {"accept", "reject", "defer", "collapse", "observe", "expire"}


async def queue(ports: Ports, graph: str, scope: str, cursor: str | None, limit: int) -> Page[StoredFact]:
    """Return a page of the contested facts of predicates that the schema marks critical."""
    schema = schema_of(ports.core_schema, await ports.graphs.get(graph))
    critical = sorted(name for name, rule in schema.rules.items() if rule.critical)
    asked = FactFilter(scope, states=("contested",), cursor=cursor, limit=limit)
    return await ports.claims.facts(graph, asked, predicates=critical)


async def decide(ports: Ports, graph: str, ruling: NewAdjudication, scope: str) -> Sequence[Adjudication]:
    """Apply a decision to facts, or return its effect in a dry run. Raises InvalidInput, NotFound, Conflict."""
    if ruling.action not in _DECIDES:
        raise InvalidInput(f"{ruling.action!r} decides nothing.", hint=f"Give one of {', '.join(sorted(_DECIDES))}.")
    if not 1 <= len(ruling.facts) <= MOST_FACTS:
        raise InvalidInput(f"{len(ruling.facts)} facts are named.", hint=f"Name 1 to {MOST_FACTS}.")
    if not ruling.by.strip() or not ruling.reason.strip():
        raise InvalidInput("A decision says by whom it is, and why.", hint="Give by and reason.")
    if ruling.action == "expire":
        parse_time(str(ruling.detail.get("valid_to", "")))
    if ruling.action == "observe" and ruling.value is None:
        raise InvalidInput("The action observe needs a value.", hint="Set value to what was observed.")
    ruled = await ports.claims.rule(graph, ruling, scope)
    if not ruling.dry_run and ruling.action in _LABELS:
        await learn(ports, graph)
        return await _as_held(ports, graph, ruled, scope)
    return ruled


async def undo(ports: Ports, graph: str, decision: int, *, by: str, reason: str, scope: str) -> Sequence[Adjudication]:
    """Undo a decision. Raises NotFound, and Conflict for one that is no longer in force."""
    undone = await ports.claims.undo(graph, decision, by, reason, scope)
    await learn(ports, graph)
    return await _as_held(ports, graph, undone, scope)


async def learn(ports: Ports, graph: str) -> None:
    """Learn the reliability of sources from decisions: at once where there are few claims, else by a job."""
    if await ports.claims.few(graph, _FEW):
        await ports.claims.weigh_all(graph)
    else:
        await ports.jobs.defer("compute_consensus", graph=graph, all=True)


async def _as_held(ports: Ports, graph: str, ruled: Sequence[Adjudication], scope: str) -> list[Adjudication]:
    """Return the decisions with the state of their facts after learning."""
    held = await ports.claims.facts_by_id(graph, [each.fact for each in ruled], scope)
    return [
        replace(each, after={"value": fact.value, "state": fact.state, "probability": fact.probability})
        if (fact := held.get(each.fact))
        else each
        for each in ruled
    ]


async def correlate(ports: Ports, graph: str, correlated: Correlated) -> int:
    """Store that facts are correlated; returns the id of the correlation. Raises InvalidInput, NotFound."""
    if not 2 <= len(correlated.facts) <= 50 or len(correlated.facts) != len(correlated.values):
        raise InvalidInput("A correlation is of 2 to 50 facts, each with a value.", hint="Give facts and values.")
    if len(set(correlated.facts)) != len(correlated.facts):
        raise InvalidInput("A correlation names a fact twice.", hint="Name each fact once.")
    if not 0 < correlated.strength <= 1:
        raise InvalidInput(f"strength is {correlated.strength}.", hint="Give a number above 0 and at most 1.")
    return await ports.claims.correlate(graph, correlated)


class Adjudications:
    """Decisions of reviewers on facts."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def queue(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[StoredFact]:
        """Return a page of the contested facts of critical predicates, which wait for a reviewer."""
        return await queue(self._ports, graph, check_scope(scope), cursor, limit)

    async def create(self, graph: str, ruling: NewAdjudication, *, scope: str = SHARED) -> Sequence[Adjudication]:
        """Apply a decision to facts in this scope only; a dry run writes nothing.

        Raises NotFound, InvalidInput, and Conflict where a rule leaves a distribution undecided.
        """
        return await decide(self._ports, graph, ruling, check_scope(scope))

    async def undo(
        self, graph: str, decision: int, *, by: str, reason: str, scope: str = SHARED
    ) -> Sequence[Adjudication]:
        """Undo a decision. Raises NotFound, and Conflict for one that is no longer in force."""
        return await undo(self._ports, graph, decision, by=by, reason=reason, scope=check_scope(scope))

    async def list(
        self, graph: str, *, scope: str = SHARED, before: int | None = None, limit: int = 100
    ) -> Sequence[Decision]:
        """Return the audit trail, the newest entry first."""
        return await self._ports.claims.decisions(graph, check_scope(scope), before=before, limit=limit)


class Correlations:
    """Facts that are correlated, by declaration of reviewers or by detection."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def create(self, graph: str, correlated: Correlated) -> int:
        """Store that facts are correlated; returns the id of the correlation."""
        check_scope(correlated.scope)
        return await correlate(self._ports, graph, correlated)

    async def list(self, graph: str, *, scope: str = SHARED) -> Sequence[Correlated]:
        """Return the correlations that a scope sees, with kind, strength and reason."""
        return await self._ports.claims.correlations(graph, check_scope(scope))

    async def end(self, graph: str, id_: int, *, by: str, reason: str, scope: str = SHARED) -> None:
        """End a correlation. Raises NotFound."""
        await self._ports.claims.end_correlation(graph, id_, check_scope(scope), by, reason)
