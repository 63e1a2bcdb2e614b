"""Answers of Cypher on a terminal: tables for people, JSON for programs."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from kgmem.cli.console import NOTES, OUT, print_json
from kgmem.domain.cypher import CypherAnswer
from kgmem.query.values.text import written
from kgmem.query.values.wire import to_json

_WIDEST = 400  # Characters of a cell.
MOST_ROWS = 1000  # Of a table; programs take JSON.


def show(answer: CypherAnswer, seconds: float, *, as_json: bool) -> None:
    """Print an answer."""
    if as_json:
        rows = [[to_json(value) for value in row] for row in answer.rows]
        print_json({"columns": answer.columns, "rows": rows, "counters": answer.counters, "plan": answer.plan})
        return
    if answer.plan is not None:
        OUT.print(_plan(answer.plan))
    if answer.columns and not (answer.plan is not None and answer.plan["mode"] == "explain"):
        table = Table(*map(escape, answer.columns))
        for row in answer.rows[:MOST_ROWS]:
            table.add_row(*map(_cell, row))
        OUT.print(table)
    NOTES.print(f"[dim]{told(answer, seconds)}[/]")


def told(answer: CypherAnswer, seconds: float) -> str:
    """Return a line about an answer: how many rows, what was changed, how long it took."""
    parts = []
    if answer.columns:
        count = len(answer.rows)
        more = f", the first {MOST_ROWS:,} shown" if count > MOST_ROWS else ""
        parts.append(f"{count:,} {'row' if count == 1 else 'rows'}{more}")
    parts += [f"{name.replace('_', ' ')}: {number:,}" for name, number in answer.counters.items() if number]
    return f"{', '.join(parts) or 'done'} ({seconds * 1000:.0f} ms)"


def _plan(plan: Mapping[str, Any]) -> Table:
    """Return a plan as a table: the last step first, as Neo4j's shell prints it."""
    measured = plan["mode"] == "profile"
    table = Table("step", "details", "expected rows", *(("rows", "read", "ms") if measured else ()))

    def add(step: Mapping[str, Any], depth: int) -> None:
        numbers = [f"{step.get('estimated_rows', 0):,.10g}"]
        if measured:
            numbers += [f"{step.get('rows', 0):,}", f"{step.get('read', 0):,}", f"{step.get('milliseconds', 0):,.1f}"]
        table.add_row("  " * depth + step["operator"], _cell(step["details"]), *numbers)
        # What ran before stands first and goes on at this depth; what runs inside of the step stands deeper.
        before: list[Mapping[str, Any]] = list(step["children"])
        for each in before[1:]:
            add(each, depth + 1)
        if before:
            add(before[0], depth)

    add(plan, 0)
    return table


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else written(value)
    return escape(text if len(text) <= _WIDEST else f"{text[:_WIDEST]}...")
