"""A URL of several hosts: which are named, which one is asked when, and what doctor says of them."""

import asyncio
from typing import Any

import asyncpg
import pytest

from kgmem.domain.errors import DatabaseUnavailable
from kgmem.store.db import hosts
from kgmem.store.db.errors import translating
from kgmem.store.db.host_findings import HostState, judge_hosts
from kgmem.store.db.hosts import NoPrimary, connect, hosts_of, to_primary, usual_wait
from kgmem.store.db.psycopg_errors import conninfo


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://u:p%2F@a:1,b:2/db", [("a", 1), ("b", 2)]),
        ("postgresql://a,b:7/db?sslmode=require", [("a", 5432), ("b", 7)]),
        ("postgresql://u@[::1]:5,c/db", [("::1", 5), ("c", 5432)]),
        ("host=a,b port=3 dbname=x", [("a", 3), ("b", 3)]),
        ("postgresql:///db?host=/run/one,/run/two&port=5432", [("/run/one", 5432), ("/run/two", 5432)]),
        ("postgresql://a/db", [("a", 5432)]),
        ("not a url", []),
    ],
)
def test_all_forms_of_a_url_name_their_hosts(url: str, named: list[tuple[str, int]]) -> None:
    assert hosts_of(url) == named


def test_several_hosts_are_asked_for_the_one_that_takes_writes() -> None:
    assert to_primary("postgresql://a,b/db") == "postgresql://a,b/db?target_session_attrs=read-write"
    assert (
        to_primary("postgresql://a,b/db?sslmode=prefer")
        == "postgresql://a,b/db?sslmode=prefer&target_session_attrs=read-write"
    )
    assert to_primary("host=a,b dbname=x") == "host=a,b dbname=x target_session_attrs=read-write"


def test_what_an_operator_has_chosen_stays() -> None:
    for url in ("postgresql://a/db", "postgresql://a,b/db?target_session_attrs=any"):
        assert to_primary(url) == url


def test_only_several_hosts_are_waited_for_by_default() -> None:
    assert usual_wait("postgresql://a,b/db") == 30
    assert usual_wait("postgresql://a/db") == 0


def test_jobs_and_migrations_leave_a_silent_host_soon_where_there_is_another() -> None:
    assert "connect_timeout=4" in conninfo("postgresql://a,b/db", application="x")
    assert "connect_timeout=10" in conninfo("postgresql://a/db", application="x")


class _Session:
    """A connection that was made to a host."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.ended = False
        self._transport = self

    def get_extra_info(self, name: str) -> None:
        """Return no socket."""

    def terminate(self) -> None:
        self.ended = True


class _Servers:
    """Servers that answer as told: after so many seconds, with a session or an error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **told: tuple[float, Exception | None]) -> None:
        self.told, self.made = told, list[_Session]()
        monkeypatch.setattr(hosts.asyncpg, "connect", self.connect)

    async def connect(self, url: str, *, host: str, **options: Any) -> _Session:
        pause, error = self.told[host]
        await asyncio.sleep(pause)
        if error is not None:
            raise error
        self.made.append(_Session(host))
        return self.made[-1]


STANDBY = asyncpg.TargetServerAttributeNotMatched("a standby")
REFUSED = ConnectionRefusedError("refused")


async def test_a_standby_and_a_host_that_refuses_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    _Servers(monkeypatch, a=(0, STANDBY), b=(0, REFUSED), c=(0, None))
    assert (await connect("postgresql://a,b,c/db", timeout=5)).host == "c"


async def test_a_silent_host_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = _Servers(monkeypatch, a=(3600, None), b=(0, None))
    found = await asyncio.wait_for(connect("postgresql://a,b/db", timeout=5), 30)
    assert found.host == "b"
    assert [each.host for each in servers.made] == ["b"]


async def test_connections_that_come_late_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_NEXT_AFTER", 0.0)
    servers = _Servers(monkeypatch, a=(0.01, None), b=(0.01, None))
    found = await connect("postgresql://a,b/db", timeout=5)
    await asyncio.sleep(0.05)
    assert not found.ended
    assert all(each.ended for each in servers.made if each is not found)


async def test_without_a_primary_the_error_says_so_and_names_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    _Servers(monkeypatch, a=(0, REFUSED), b=(0, STANDBY))
    with pytest.raises(NoPrimary):
        await connect("postgresql://u:secret@a,b/db", timeout=5)
    with pytest.raises(DatabaseUnavailable, match="takes writes") as told, translating():
        await connect("postgresql://u:secret@a,b/db", timeout=5)
    assert "secret" not in str(told.value)


async def test_a_wrong_password_is_told_rather_than_a_host_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    _Servers(monkeypatch, a=(0, REFUSED), b=(0, asyncpg.InvalidPasswordError("password")))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect("postgresql://a,b/db", timeout=5)


def test_doctor_names_the_primary_and_how_far_others_follow() -> None:
    states = [
        HostState("a:1", position=1000, timeline=3, synchronous=True),
        HostState("b:1", standby=True, position=400, timeline=3),
        HostState("c:1", error="refused"),
    ]
    found = judge_hosts(states)
    assert [each.state for each in found] == ["ok", "ok", "warning"]
    assert found[0].what == "primary, timeline 3"
    assert "600 bytes behind" in found[1].what


def test_two_primaries_are_a_problem_and_commits_that_wait_for_nobody_a_warning() -> None:
    two = judge_hosts([HostState("a:1", synchronous=True), HostState("b:1")])
    assert [each.what for each in two if each.state == "problem"] == ["a:1 and b:1 both take writes."]
    alone = judge_hosts([HostState("a:1"), HostState("b:1", standby=True)])
    assert "may lose" in next(each.what for each in alone if each.state == "warning")


def test_no_primary_is_a_warning_on_each_standby() -> None:
    assert [each.state for each in judge_hosts([HostState("a:1", standby=True)])] == ["warning"]
