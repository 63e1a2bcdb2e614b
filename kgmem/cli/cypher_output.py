"""Answers of Cypher on a terminal: tables for people, JSON for programs."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from kgmem.cli.console import NOTES, OUT, print_json
from kgmem.domain.cypher import CypherAnswer
from kgmem.query.values.printing import written
from kgmem.query.values.wire import to_json

_WIDEST = 400  # Characters of a cell.
MOST_ROWS = 1000  # Of a table; programs take JSON.


def show(answer: CypherAnswer, seconds: float, *, as_json: bool) -> None:
    """Print an answer."""
    if as_json:
        rows = [[to_json(value) for value in row] for row in answer.rows]
        print_json({"columns": answer.columns, "rows": rows, "counters": answer.counters})
        return
    if answer.columns:
        table = Table(*map(escape, answer.columns))
        for row in answer.rows[:MOST_ROWS]:
            table.add_row(*map(_cell, row))
        OUT.print(table)
    NOTES.print(f"[dim]{told(answer, seconds)}[/]")


def told(answer: CypherAnswer, seconds: float) -> str:
    """Give a line about an answer: how many rows, what was changed, how long it took."""
    parts = []
    if answer.columns:
        count = len(answer.rows)
        more = f", the first {MOST_ROWS:,} shown" if count > MOST_ROWS else ""
        parts.append(f"{count:,} {'row' if count == 1 else 'rows'}{more}")
    parts += [f"{name.replace('_', ' ')}: {number:,}" for name, number in answer.counters.items() if number]
    return f"{', '.join(parts) or 'done'} ({seconds * 1000:.0f} ms)"


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else written(value)
    return escape(text if len(text) <= _WIDEST else f"{text[:_WIDEST]}...")
