"""A ledger that somebody changed behind kgmem's back: verification names the first broken row."""

import pytest

from kgmem.domain.ledger.ledger import AccountSpec, LedgerNote, Reservation
from kgmem.memory import Memory
from tests.memories import index_schema, new_graph

GRAPH = "tampered"
# What is done to the rows, with the triggers off -> the table and the row that are named. Records 1 and 2 open
# accounts, 3 to 8 are transactions, 9 to 11 holds, 12 settles hold 9, 13 releases hold 10.
ATTACKS: dict[str, tuple[list[str], str, str]] = {
    "content altered": (
        ["UPDATE ledger_record SET content = replace(content, 'call 5', 'call X') WHERE seq = 5"], "record", "record 5",
    ),
    "amount in a record altered": (
        ["""UPDATE ledger_record SET content = replace(content, '"4"', '"40"') WHERE seq = 6"""], "record", "record 6",
    ),
    "content and its own hash altered": (
        ["""UPDATE ledger_record r SET content = v.content, hash = sha256(p.hash || convert_to(v.content, 'UTF8'))
            FROM ledger_record p, (SELECT replace(content, 'call 5', 'call X') AS content FROM ledger_record
            WHERE seq = 5) AS v WHERE r.seq = 5 AND p.seq = 4"""],
        "record", "record 6",
    ),
    "hash altered": (["UPDATE ledger_record SET hash = sha256('x') WHERE seq = 7"], "record", "record 7"),
    "time altered": (["UPDATE ledger_record SET at = at + interval '1 day' WHERE seq = 4"], "record", "record 4"),
    "agent altered": (["UPDATE ledger_record SET agent = 'other' WHERE seq = 4"], "record", "record 4"),
    "key altered": (["UPDATE ledger_record SET key = NULL WHERE seq = 8"], "record", "record 8"),
    "first record deleted": (["DELETE FROM ledger_record WHERE seq = 1"], "record", "record 1"),
    "record in the middle deleted": (["DELETE FROM ledger_record WHERE seq = 6"], "record", "record 6"),
    "last record deleted": (["DELETE FROM ledger_record WHERE seq = 13"], "record", "record 13"),
    "last three deleted": (["DELETE FROM ledger_record WHERE seq > 10"], "record", "record 11"),
    "two records swapped": (
        ["UPDATE ledger_record SET seq = -seq WHERE seq IN (5, 6)",
         "UPDATE ledger_record SET seq = 11 + seq WHERE seq < 0"],
        "record", "record 5",
    ),
    "contents and hashes of two records swapped": (
        ["""UPDATE ledger_record a SET content = b.content, hash = b.hash, at = b.at FROM ledger_record b
            WHERE (a.seq, b.seq) IN ((5, 6), (6, 5))"""],
        "record", "record 5",
    ),
    "record added": (
        ["""INSERT INTO ledger_record (seq, at, kind, scope, content, hash)
            SELECT 14, at + interval '1 second', kind, scope, content, hash FROM ledger_record WHERE seq = 8"""],
        "record", "record 14",
    ),
    "entry altered": (["UPDATE ledger_entry SET amount = amount + 1 WHERE seq = 5 AND position = 1"], "entry",
                      "record 5, position 1"),
    "entry deleted": (["DELETE FROM ledger_entry WHERE seq = 5 AND position = 0"], "entry", "record 5, position 0"),
    "last entry deleted": (["DELETE FROM ledger_entry WHERE seq = 12 AND position = 1"], "entry",
                           "record 12, position 1"),
    "entry added": (["INSERT INTO ledger_entry VALUES (9, 0, 1, 5, 5)"], "entry", "record 9, position 0"),
    "entry added after the end": (["INSERT INTO ledger_entry VALUES (99, 0, 1, 5, 5)"], "entry",
                                  "record 99, position 0"),
    "balance altered": (["UPDATE ledger_account SET posted = posted - 1 WHERE id = 2"], "account", "account 2 (spent)"),
    "reserved altered": (["UPDATE ledger_account SET held = 0 WHERE id = 1"], "account", "account 1 (fund)"),
    "limit altered": (["UPDATE ledger_account SET hard_min = -5 WHERE id = 1"], "account", "account 1 (fund)"),
    "account deleted": (["DELETE FROM ledger_account WHERE id = 2"], "account", "account 2 (spent)"),
    "hold reopened": (["UPDATE ledger_hold SET state = 'open', closed_at = NULL WHERE id = 10"], "hold", "hold 10"),
    "hold expired too early": (
        ["UPDATE ledger_hold SET state = 'expired', closed_at = now() WHERE id = 11"], "hold", "hold 11",
    ),
    "hold enlarged": (["UPDATE ledger_hold SET amount = 99 WHERE id = 11"], "hold", "hold 11"),
    "hold deleted": (["DELETE FROM ledger_hold WHERE id = 9"], "hold", "hold 9"),
    "head moved": (["UPDATE ledger_head SET records = 12"], "record", "record 13"),
    "time of the head altered": (["UPDATE ledger_head SET at = at + interval '1 second'"], "head", "the head"),
    "hash of the head altered": (["UPDATE ledger_head SET hash = sha256('x')"], "head", "the head"),
}  # fmt: skip


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    ledger = memory.ledger
    for name in ("fund", "spent"):
        await ledger.put_account(GRAPH, AccountSpec(name, "budget", "USD"))
    for n in range(1, 7):
        note = LedgerNote(f"call {n + 2}", agent="planner")
        await ledger.post(GRAPH, {"fund": -n, "spent": n}, note=note, idempotency_key=f"k{n}")
    holds = [await ledger.hold(GRAPH, Reservation("fund", "spent", n)) for n in (1, 2, 3)]
    await ledger.settle(GRAPH, holds[0].id)
    await ledger.release(GRAPH, holds[1].id)
    assert (await ledger.head(GRAPH)).records == 13
    return memory


async def attack(memory: Memory, statements: list[str]) -> None:
    schema = await index_schema(memory, GRAPH)
    tables = [f"ledger_{name}" for name in ("record", "entry", "account", "hold", "head")]
    database = memory.ports.graphs.database  # type: ignore[attr-defined]
    async with database.connection() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL search_path = {schema}, public")
        for table in tables:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            await connection.execute(statement)
        for table in tables:
            await connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")


@pytest.mark.parametrize("name", ATTACKS)
async def test_the_first_broken_row_is_named(memory: Memory, name: str) -> None:
    statements, table, row = ATTACKS[name]
    assert (await memory.ledger.verify(GRAPH)).ok
    await attack(memory, statements)
    broken = (await memory.ledger.verify(GRAPH)).broken
    assert broken is not None
    assert (broken.table, broken.row) == (f"ledger_{table}", row), broken.problem


CUT = [
    "DELETE FROM ledger_record WHERE seq > 11",
    "DELETE FROM ledger_entry WHERE seq > 11",
    "UPDATE ledger_hold SET state = 'open', closed_at = NULL, closed_by = NULL, settled = NULL",
    "UPDATE ledger_account SET posted = -21, held = 6 WHERE id = 1",
    "UPDATE ledger_account SET posted = 21, incoming = 6 WHERE id = 2",
    "UPDATE ledger_head SET (records, hash, at) = (SELECT seq, hash, at FROM ledger_record WHERE seq = 11)",
]


async def test_a_tail_cut_off_together_with_the_head_is_found_by_a_head_that_was_kept(memory: Memory) -> None:
    kept = await memory.ledger.head(GRAPH)
    earlier = (5, (await memory.ledger.transaction(GRAPH, 5)).hash)
    assert (await memory.ledger.verify(GRAPH, anchors=[earlier, (kept.records, kept.hash)])).ok
    await attack(memory, CUT)
    assert (await memory.ledger.verify(GRAPH)).ok  # The rows alone cannot show it.
    broken = (await memory.ledger.verify(GRAPH, anchors=[earlier, (kept.records, kept.hash)])).broken
    assert broken is not None
    assert (broken.row, "hash of 13" in broken.problem) == ("record 12", True)
    await memory.ledger.post(GRAPH, {"fund": "-1", "spent": "1"})
    await memory.ledger.post(GRAPH, {"fund": "-1", "spent": "1"})
    broken = (await memory.ledger.verify(GRAPH, anchors=[(kept.records, kept.hash)])).broken
    assert broken is not None
    assert broken.row == "record 13"


async def test_writers_go_on_after_a_row_was_changed_and_do_not_hide_it(memory: Memory) -> None:
    await attack(memory, ATTACKS["content altered"][0])
    await memory.ledger.post(GRAPH, {"fund": "-1", "spent": "1"})
    broken = (await memory.ledger.verify(GRAPH)).broken
    assert broken is not None
    assert broken.row == "record 5"
