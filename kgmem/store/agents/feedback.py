"""Feedback on hits in the tables of each graph."""

from collections.abc import Sequence
from typing import Any, Final

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.time.interval import iso
from kgmem.store.agents.session_rows import scope_number
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import scope_ids
from kgmem.tasks import caller

_FILE: Final = "feedback"
_READS: Final = ("feedback",)
_HIGHEST: Final = 2**62


class PostgresFeedback:
    """Verdicts by item, scope, caller and question."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def put(self, graph: str, feedback: Feedback) -> tuple[Feedback, bool]:
        """Store a verdict in place of the caller's earlier one; tells whether it had none. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("feedback")
            async with self.database.connection() as connection:
                paths = list(visible_from(feedback.scope))
                if not await connection.fetchval(layout.sql(_FILE, "there"), feedback.item, paths):
                    raise NotFound(
                        f"There is no item {feedback.item} here.", hint="Give the id of a hit.", field="item"
                    )
                number = (await scope_ids(connection, layout, [feedback.scope], make=True))[feedback.scope]
                row = await connection.fetchrow(
                    layout.sql(_FILE, "put"), number, feedback.item, _by(), feedback.question or "",
                    feedback.verdict == "useful", feedback.reason,
                )  # fmt: skip
        return _feedback(row, feedback.scope), row["created"]

    async def list(self, graph: str, scope: str, item: int | None, cursor: str | None, limit: int) -> Page[Feedback]:
        """Return verdicts given in this scope only, the newest first; of all items or of one."""
        if cursor is not None and not (cursor.isdecimal() and cursor.isascii() and len(cursor) < 19):
            raise InvalidInput(f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
        below = int(cursor) if cursor else _HIGHEST
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, scope)
            rows = await connection.fetch(layout.sql(_FILE, "list"), number, item, below, limit + 1)
        more = str(rows[limit - 1]["id"]) if len(rows) > limit else None
        return Page([_feedback(row, scope) for row in rows[:limit]], more)

    async def delete(self, graph: str, item: int, question: str | None, scope: str) -> bool:
        """Withdraw the caller's verdict; returns whether there was one."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, scope)
            sql = layout.sql(_FILE, "delete")
            return await connection.fetchval(sql, item, number, _by(), question or "") is not None

    async def of_items(self, graph: str, scope: str, items: Sequence[int]) -> Sequence[Feedback]:
        """Return the verdicts on items that a question in this scope sees.

        It costs no statement where the catalog knows of no feedback: that of another process counts a second later.
        """
        async with self.catalog.on(graph, reads=(), expires=False) as layout:
            if "feedback" not in layout.subsystems.made:
                return []
            async with self.database.connection() as connection:
                paths = list(visible_from(scope))
                rows = await connection.fetch(layout.sql(_FILE, "of_items"), list(items), paths)
        return [
            Feedback(item, "useful" if useful else "wrong", asked or None, by=by) for item, by, asked, useful in rows
        ]


def _by() -> str:
    told = caller()
    return told.key if told else ""


def _feedback(row: Any, scope: str) -> Feedback:
    return Feedback(
        row["item"], "useful" if row["useful"] else "wrong", row["question"] or None, row["reason"], scope,
        row["by"] or None, iso(row["at"]),
    )  # fmt: skip
