"""The allowances of scopes, and what they use of them."""

from typing import Final

from kgmem.domain.distillation.run import Allowance, tokens_of_bytes
from kgmem.domain.graph.entity import Page
from kgmem.store.agents.session_rows import scope_number
from kgmem.store.derived.distillation import FILE, PostgresDistillation
from kgmem.store.graph.layout import scope_ids

_READS: Final = ("distillation",)


class PostgresAllowances(PostgresDistillation):
    """Runs, and the allowances that start them."""

    async def put_allowance(self, graph: str, allowance: Allowance) -> None:
        """Store the allowance of a scope."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("distillation")
            async with self.database.connection() as connection:
                number = (await scope_ids(connection, layout, [allowance.scope], make=True))[allowance.scope]
                await connection.execute(
                    layout.sql(FILE, "put_allowance"), number, allowance.items, allowance.tokens,
                    allowance.older_than, allowance.closed_sessions,
                )  # fmt: skip

    async def allowances(
        self, graph: str, *, scope: str | None = None, within: str = "", cursor: str | None = None, limit: int = 1000
    ) -> Page[Allowance]:
        """Return allowances with what their scopes use: of one scope only, or of those within one, by path."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = None if scope is None else await scope_number(connection, layout, scope)
            rows = await connection.fetch(layout.sql(FILE, "allowances"), number, within, cursor, limit + 1)
            paths = [row["scope"] for row in rows[:limit]]
            usage = {row["scope"]: row for row in await connection.fetch(layout.sql(FILE, "usage"), paths)}
        found = []
        for row in rows[:limit]:
            used = usage.get(row["scope"])
            items, size = (used["items"], used["size"]) if used else (0, 0)
            found.append(Allowance(**dict(row)).with_usage(items, tokens_of_bytes(size)))
        return Page(found, paths[-1] if len(rows) > limit else None)

    async def delete_allowance(self, graph: str, scope: str) -> bool:
        """Delete the allowance of a scope; returns whether there was one."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, scope)
            return await connection.fetchval(layout.sql(FILE, "delete_allowance"), number) is not None
