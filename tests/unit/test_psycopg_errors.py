"""Database URLs as libpq reads them, and psycopg's errors as kgmem's."""

import secrets
import traceback

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from kgmem.domain.errors import DatabaseUnavailable, Forbidden, InvalidInput, KgmemError, TimedOut
from kgmem.store.db.psycopg_errors import conninfo, translated, translating


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p%40ss%2Fw%25%20d'x@db.example:6432/kg", {"password": "p@ss/w% d'x", "host": "db.example"}),
        ("postgresql://postgres@/kgmem?host=/tmp/a%20b", {"host": "/tmp/a b", "dbname": "kgmem"}),
        ("postgresql://u@h/kg?sslmode=require&connect_timeout=3", {"sslmode": "require", "connect_timeout": "3"}),
        ("postgresql://u@h/kg?options=-c%20jit%3Doff", {"options": "-c jit=off -c search_path=kgmem_jobs"}),
    ],
)
def test_a_url_keeps_what_it_says(url: str, expected: dict[str, str]) -> None:
    held = conninfo_to_dict(conninfo(url, application="kgmem test", settings={"search_path": "kgmem_jobs"}))

    assert {name: held[name] for name in expected} == expected
    assert held["application_name"] == "kgmem test"
    assert "search_path=kgmem_jobs" in str(held["options"])


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    password = secrets.token_hex(8)
    with pytest.raises(InvalidInput) as error:
        conninfo(f"postgresql://u:{password}@[::1/kg", application="kgmem test")

    assert password not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.LockNotAvailable(), DatabaseUnavailable),
        (psycopg.errors.QueryCanceled(), TimedOut),
        (psycopg.errors.InsufficientPrivilege(), Forbidden),
        (psycopg.errors.AdminShutdown(), DatabaseUnavailable),
        (psycopg.errors.TooManyConnections(), DatabaseUnavailable),
        (psycopg.OperationalError("connection refused"), DatabaseUnavailable),
    ],
)
def test_an_error_that_people_can_do_something_about_says_what(
    error: psycopg.Error, expected: type[KgmemError]
) -> None:
    with pytest.raises(expected) as raised, translating():
        raise error
    assert raised.value.hint


def test_an_error_in_kgmems_own_statements_stays_what_it_is() -> None:
    assert translated(psycopg.errors.SyntaxError()) is None


def test_the_servers_own_reason_is_passed_on_without_the_address() -> None:
    error = psycopg.OperationalError('connection to server at "db.example" failed: FATAL:  database "x" does not exist')

    known = translated(error)

    assert known is not None
    assert 'database "x" does not exist' in known.message
    assert "db.example" not in known.message
