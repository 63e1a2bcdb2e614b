"""Retention rules: what is kept for how long, what a run would remove, runs, and what they removed by which rule."""

from typing import Any

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.expiry import duration
from kgmem.domain.retention.rule import MOST_OF_RUN, OF_RUN, RetentionItem, RetentionRule, RetentionRun
from kgmem.log import EventLog
from kgmem.services.ports import Ports
from kgmem.services.retention.apply import Progress, run_now

log = EventLog(__name__)


class Retention:
    """The retention rules of graphs. A job applies them once an hour; legal holds are always stronger."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, rule: RetentionRule | None = None, **what: Any) -> RetentionRule:
        """Store a rule, or its fields as keywords, where `keep` and `originals` may be 30d; returns it.

        A rule of the same name is replaced. Raises InvalidInput, NotFound, and Conflict where another rule is about
        the same scope, label and source.
        """
        for name in ("keep", "originals"):
            if what.get(name) is not None:
                what[name] = seconds_of(what[name], name)
        checked = (rule if rule is not None else RetentionRule(**what)).checked()
        await self._ports.graphs.get(graph)
        stored = await self._ports.retention.put_rule(graph, checked)
        log.info("retention_rule_put", graph=graph, rule=stored.name, by=stored.by)
        return stored

    async def get(self, graph: str, name: str) -> RetentionRule:
        """Return a rule. Raises NotFound."""
        await self._ports.graphs.get(graph)
        found = await self._ports.retention.rules(graph, name)
        if not found:
            raise _no_rule(name)
        return found[0]

    async def list(self, graph: str) -> list[RetentionRule]:
        """Return the rules in their order: of those that cover something the first one decides."""
        await self._ports.graphs.get(graph)
        return [*await self._ports.retention.rules(graph)]

    async def delete(self, graph: str, name: str) -> None:
        """Delete a rule; what it removed stays in the list. Raises NotFound."""
        await self._ports.graphs.get(graph)
        if not await self._ports.retention.delete_rule(graph, name):
            raise _no_rule(name)
        log.info("retention_rule_deleted", graph=graph, rule=name)

    async def dry_run(self, graph: str, *, by: str = "", limit: int = OF_RUN, listed: int = 100) -> RetentionRun:
        """Return what a run would remove now by which rule, with `listed` items of it; nothing changes."""
        _check_limits(limit, listed)
        await self._ports.graphs.get(graph)
        await self._ports.tiers.flush(graph)
        return await self._ports.retention.dry_run(graph, by, limit, listed)

    async def run(
        self, graph: str, *, by: str = "", limit: int = OF_RUN, progress: Progress | None = None
    ) -> RetentionRun:
        """Remove what is due now, at most `limit` items, and return the report of the run.

        Raises NotFound, InvalidInput, and Conflict where a run is in progress.
        """
        _check_limits(limit, 0)
        await self._ports.graphs.get(graph)
        return await run_now(self._ports, graph, by=by, limit=limit, progress=progress)

    async def enqueue(self, graph: str, *, by: str = "", limit: int = OF_RUN) -> RetentionRun:
        """Store a run, which a job executes; returns it. Raises NotFound, InvalidInput, Conflict."""
        _check_limits(limit, 0)
        await self._ports.graphs.get(graph)
        id_ = await self._ports.retention.add_run(graph, "operator", by, limit)
        await self._ports.jobs.defer("apply_retention", graph=graph)
        return await self._ports.retention.get(graph, id_)

    async def get_run(self, graph: str, id_: int) -> RetentionRun:
        """Return a run: how far it is, or its report. Raises NotFound."""
        await self._ports.graphs.get(graph)
        return await self._ports.retention.get(graph, id_)

    async def runs(self, graph: str, *, cursor: str | None = None, limit: int = 100) -> Page[RetentionRun]:
        """Return a page of runs, the newest first."""
        await self._ports.graphs.get(graph)
        return await self._ports.retention.runs(graph, cursor, limit)

    async def items(
        self,
        graph: str,
        *,
        run: int | None = None,
        rule: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[RetentionItem]:
        """Return a page of what runs took by which rule, and what became of it, the newest first."""
        await self._ports.graphs.get(graph)
        return await self._ports.retention.items(graph, run, rule, cursor, limit)


def seconds_of(time: str | float, field: str) -> float:
    """Return a time in seconds: a number of them, 30d, or ISO 8601. Raises InvalidInput."""
    try:
        return duration(time) / 1e6
    except InvalidInput as error:
        raise InvalidInput(str(error).replace("ttl is", f"{field} is", 1), hint=error.hint, field=field) from error


def _check_limits(limit: int, listed: int) -> None:
    if not 1 <= limit <= MOST_OF_RUN:
        raise InvalidInput(f"limit is {limit}.", hint=f"Give 1 to {MOST_OF_RUN:,}.", field="limit")
    if not 0 <= listed <= 1000:
        raise InvalidInput(f"listed is {listed}.", hint="Give 0 to 1000.", field="listed")


def _no_rule(name: str) -> NotFound:
    return NotFound(f"There is no retention rule {name[:100]!r}.", hint="List the rules.", field="name")
