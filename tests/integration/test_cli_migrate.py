"""`kgmem db migrate` as people and programs type it."""

import asyncio
import json
import secrets
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from kgmem.cli.db import migrate
from kgmem.domain.errors import InvalidInput
from kgmem.store.db.migrate import revisions
from tests.postgres import drop_database, run_on, with_database

HEAD = revisions()[-1]
app = typer.Typer()
app.command()(migrate)


@pytest.fixture
def database(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database without anything, which the settings name."""
    name = f"kgmem_empty_{secrets.token_hex(6)}"
    asyncio.run(run_on(postgres_url, f"CREATE DATABASE {name}"))
    monkeypatch.setenv("KGMEM_DATABASE_URL", with_database(postgres_url, name))
    yield
    asyncio.run(drop_database(postgres_url, name))


def output(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.long
@pytest.mark.usefixtures("database")
def test_migrating_says_each_step_and_then_that_there_is_none() -> None:
    steps = [f"up to {revision}" for revision in revisions()]

    assert output().splitlines() == [*steps, f"The database is at revision {HEAD}."]
    assert output().splitlines() == [f"The database is at revision {HEAD} already."]


@pytest.mark.long
@pytest.mark.usefixtures("database")
def test_programs_get_json_and_may_go_one_step_up_and_back_to_nothing() -> None:
    assert json.loads(output("--to", "0001", "--json")) == {
        "before": None,
        "current": "0001",
        "graphs_left": 0,
        "head": HEAD,
        "state": "older",
        "steps": ["up to 0001"],
    }
    assert json.loads(output("--json"))["before"] == "0001"
    assert json.loads(output("--down", "0001", "--json"))["state"] == "older"
    assert output("--down", "base").splitlines()[-1] == "The database has no tables of kgmem."


@pytest.mark.usefixtures("database")
def test_up_and_back_at_once_is_refused() -> None:
    with pytest.raises(InvalidInput, match="exclude each other"):
        CliRunner().invoke(app, ["--to", "0001", "--down", "0001"], catch_exceptions=False)
