"""When a server committed last, as each of its processes knows it."""

import subprocess
import sys
import time
from pathlib import Path

from kgmem.store.db.connection import writes
from kgmem.store.db.replicas import CommitClock

NOTE = """
import pathlib, sys
from kgmem.store.db.replicas import CommitClock
CommitClock(pathlib.Path(sys.argv[1])).note()
"""


def test_processes_of_one_server_know_when_any_of_them_committed(tmp_path: Path) -> None:
    clock = CommitClock(tmp_path)
    clock.note()
    mine = clock.last
    assert mine <= time.monotonic()
    subprocess.run([sys.executable, "-c", NOTE, str(tmp_path)], check=True)
    assert clock.last > mine
    clock.note()
    assert clock.last > mine


def test_a_process_alone_needs_no_folder() -> None:
    clock, other = CommitClock(), CommitClock()
    assert clock.last == 0
    clock.note()
    assert clock.last > other.last == 0


def test_a_time_of_another_life_of_the_machine_is_no_time_to_come(tmp_path: Path) -> None:
    (tmp_path / "committed").write_bytes(b"\x00" * 8 + b"\xff\xff\xff\xff\xff\xff\xef\x7f" + b"\x00" * 100)
    assert CommitClock(tmp_path).last <= time.monotonic()


def test_statements_that_write_are_known() -> None:
    assert all(
        map(writes, ("INSERT INTO a VALUES (1)", "with x as (delete from a returning 1) select 1", "DROP TABLE a"))
    )
    assert not any(map(writes, ("SELECT updated_at FROM a", "SELECT 1", "BEGIN")))
