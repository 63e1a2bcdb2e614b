"""`kgmem db` and `kgmem doctor` as people and programs call them."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from kgmem.cli import db
from kgmem.cli.doctor import doctor
from kgmem.domain.errors import InvalidInput
from tests.embedded import home_folder

app = typer.Typer()
app.add_typer(db.app, name="db")
app.command()(doctor)

runner = CliRunner()


@pytest.fixture
def home(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A new KGMEM_HOME."""
    with home_folder(short_folder) as home:
        monkeypatch.setenv("KGMEM_HOME", str(home))
        monkeypatch.delenv("KGMEM_DATABASE_URL", raising=False)
        yield home


def said(*arguments: str, code: int = 0) -> str:
    result = runner.invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.mark.long
def test_started_by_hand_it_runs_until_it_is_stopped_by_hand(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not json.loads(said("db", "status", "--json", code=3))["running"]
    assert "Stop it with: kgmem db stop" in said("db", "start")
    status = json.loads(said("db", "status", "--json"))
    assert status["running"]
    assert status["stays_up"]
    with psycopg.connect(status["url"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert json.loads(said("db", "start", "--json"))["pid"] == status["pid"]
    said("db", "psql", "-Atc", "SELECT 6 * 7")
    assert capfd.readouterr().out == "42\n"
    said("db", "psql", "-c", "SELECT nonsense", code=1)
    assert any("nonsense" in line for line in json.loads(said("db", "logs", "--json"))["lines"])
    assert "nonsense" in said("db", "logs", "--lines", "10")
    shown = said("db", "status")
    assert "yes, until kgmem db stop" in shown
    assert str(home) in shown
    assert "has stopped" in said("db", "stop")
    assert json.loads(said("db", "stop", "--json")) == {"stopped": False}


@pytest.mark.long
def test_the_doctor_starts_what_it_has_to_look_at(home: Path) -> None:
    findings = json.loads(said("doctor", "--json"))
    assert {"database", "server", "age", "vector", "rights"} <= {finding["area"] for finding in findings}
    assert not [finding for finding in findings if finding["state"] == "problem"]
    assert "kgmem db migrate" in said("doctor")
    assert not json.loads(said("db", "status", "--json", code=3))["running"]


def test_the_doctor_fails_on_problems(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGMEM_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    assert "cannot be reached" in " ".join(said("doctor", code=1).split())
    findings = json.loads(said("doctor", "--json", code=1))
    assert "connection" in [each["area"] for each in findings]


def test_an_external_postgres_is_not_started_or_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGMEM_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    for command in ("start", "stop", "status", "logs"):
        result = runner.invoke(app, ["db", command])
        assert isinstance(result.exception, InvalidInput)
    assert not home.exists()


def test_psql_opens_the_external_postgres_without_showing_its_password(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    url = psycopg.conninfo.make_conninfo(postgres_url, password="se:cr\\et")
    monkeypatch.setenv("KGMEM_DATABASE_URL", url)
    said("db", "psql", "-Atc", "SELECT 'in'")
    assert capfd.readouterr().out == "in\n"


def test_psql_asks_for_the_one_of_several_hosts_that_takes_writes(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    url = psycopg.conninfo.make_conninfo(postgres_url)
    parts = psycopg.conninfo.conninfo_to_dict(url)
    several = {name: f"{value},{value}" for name, value in parts.items() if name in {"host", "port"}}
    options = "-c default_transaction_read_only=on"
    monkeypatch.setenv("KGMEM_DATABASE_URL", psycopg.conninfo.make_conninfo(url, **several, options=options))
    said("db", "psql", "-Atc", "SELECT 'in'", code=2)
    assert "session is read-only" in capfd.readouterr().err
