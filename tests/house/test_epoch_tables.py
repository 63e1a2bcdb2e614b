"""Every table of a graph moves its epoch, or does not matter to what is cached, because of a reason."""

import re
from pathlib import Path

from kgmem.store.graph.epoch import DOES_NOT_MOVE, MOVES
from kgmem.store.graph.subsystems import TABLES

SQL = Path(__file__).parents[2] / "kgmem" / "store" / "sql"
FIRST = re.findall(r"^CREATE TABLE \{index\}\.(\w+)", (SQL / "graph" / "graph.sql").read_text(), re.MULTILINE)


def test_every_table_moves_the_epoch_or_says_why_it_does_not() -> None:
    tables = {*FIRST, *(name for names in TABLES.values() for name in names), "vector_*", "past_vector"}
    placed = MOVES.keys() | DOES_NOT_MOVE.keys()
    assert not tables - placed, "kgmem/store/graph/epoch.py: does a change of these change what is cached?"
    assert not placed - tables, "these are no tables"
    assert not MOVES.keys() & DOES_NOT_MOVE.keys()
    assert all(len(why.split()) > 2 for why in DOES_NOT_MOVE.values())
