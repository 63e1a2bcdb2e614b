"""What Postgres lacks is told apart: a disk, memory, locks, connections."""

import asyncpg
import psycopg
import pytest

from kgmem.domain.errors import DatabaseUnavailable, OutOfSpace
from kgmem.store.db import errors, psycopg_errors

LOCKS = 'You might need to increase "max_locks_per_transaction".'


@pytest.mark.parametrize(
    ("state", "postgres_hint", "message", "hint"),
    [
        ("53100", None, "disk", "disk"),
        ("53200", None, "memory", "work_mem"),
        ("53200", LOCKS, "lock table", "max_locks_per_transaction"),
        ("53300", None, "connection", "max_connections"),
        ("53400", None, "limit", "log of Postgres"),
        ("53000", None, "resource", "log of Postgres"),
    ],
)
def test_each_lack_is_told_as_itself_by_both_drivers(
    state: str, postgres_hint: str | None, message: str, hint: str
) -> None:
    by_asyncpg = asyncpg.PostgresError.new({"C": state, "M": "x"} | ({"H": postgres_hint} if postgres_hint else {}))
    kind = psycopg.errors.lookup(state)

    class WithHint(kind):  # type: ignore[misc, valid-type]
        class Diag:
            message_hint = postgres_hint

        diag = Diag()

    for told in (errors.translated(by_asyncpg), psycopg_errors.translated(WithHint())):
        assert isinstance(told, OutOfSpace if state == "53100" else DatabaseUnavailable)
        assert message in str(told)
        assert hint in told.hint
        assert ("disk" in str(told)) == (state == "53100")
