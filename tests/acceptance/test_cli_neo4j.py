"""`kgmem import` and `kgmem export` with the address of a Bolt server."""

import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kgmem.cli.main import app, run
from tests.bolt_stub import Rows, answering

Command = Callable[..., tuple[int, str, str]]
PASSWORD = "open-sesame"


@pytest.fixture
def kgmem(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command on a fresh database; gives exit code, output and notes."""
    for name in [name for name in os.environ if name.startswith("KGMEM_")]:
        monkeypatch.delenv(name)
    held = {"DATABASE_URL": database_url, "EMBEDDER": "none", "HOME": str(tmp_path), "LOG_LEVEL": "debug"}
    for name, value in held.items():
        monkeypatch.setenv(f"KGMEM_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(lambda: app(list(arguments), prog_name="kgmem"))
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        return int(ended.value.code or 0), told.out, told.err

    command("graph", "create", "main")
    return command


def people(statement: str, parameters: Mapping[str, Any]) -> Rows:
    """What answers like a database of two people of whom one knows the other."""
    if statement.startswith("UNWIND $ids"):
        names = ("id", "labels", "properties", "natural")
        return names, [[id_, ["Person"], {"name": id_.upper()}, None] for id_ in parameters["ids"]]
    if statement.startswith("MATCH (a)"):
        names = (
            "id",
            "kind",
            "properties",
            "start_id",
            "start_natural",
            "start_key",
            "end_id",
            "end_natural",
            "end_key",
        )
        return names, [["r", "KNOWS", {}, "ada", None, None, "grace", None, None]]
    return ("id",), [["ada"], ["grace"]] if "(n)" in statement else [["r"]]


@pytest.mark.long
def test_a_server_is_imported_with_the_password_of_the_environment(
    kgmem: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KGMEM_NEO4J_PASSWORD", PASSWORD)
    with answering(people) as (stub, server):
        code, out, _ = kgmem("import", server.url, "--database", "social", "--json")
        assert (code, json.loads(out)["kinds"]) == (0, {"entity": 2, "relationship": 1})
        assert {(told["principal"], told["credentials"]) for told in stub.logons} == {("neo4j", PASSWORD)}
        assert {began["db"] for began in stub.began} == {"social"}
        assert "3 unchanged" in kgmem("import", server.url, "--user", "ada")[1]
        assert stub.logons[-1]["principal"] == "ada"
    assert '"from":"ada","key":"~' in kgmem("export")[1]


def test_a_query_is_asked_in_place_of_all(kgmem: Command) -> None:
    with answering(lambda _, __: (("x",), [[1]])) as (stub, server):
        code, _, notes = kgmem("import", server.url, "--query", "RETURN 1 AS x")
    assert code == 2
    assert "returns no node" in notes
    assert "RETURN 1 AS x" in stub.statements


def test_a_graph_is_exported_to_a_server(kgmem: Command, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(
        '{"key": "ada", "label": "Person"}\n{"type": "relationship", "kind": "IS", "from": "ada", "to": "ada"}'
    )
    kgmem("import", str(file))
    with answering(lambda statement, _: (("written",), [[1]] if "written" in statement else ())) as (stub, server):
        code, _, notes = kgmem("export", "--output", server.url, "--database", "social")
    assert (code, stub.logons[0]["scheme"]) == (0, "none")
    assert "Wrote entity 1, relationship 1" in notes
    assert [statement[:19] for statement in stub.statements] == [
        "CREATE CONSTRAINT `", "UNWIND $ids AS id M", "UNWIND $rows AS row", "UNWIND $rows AS row",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "bolt://127.0.0.1", "--user", "ada"), "Set KGMEM_NEO4J_PASSWORD"),
        (("import", "x.jsonl", "--query", "RETURN 1"), "--query needs a Bolt server"),
        (("export", "-o", "x.jsonl", "--user", "ada"), "--user needs a Bolt server"),
        (("import", f"bolt://ada:{PASSWORD}@127.0.0.1"), "has a user or password in it"),
        (("export", "-o", "bolt://127.0.0.1/x"), "no address of a Bolt server"),
    ],
)
def test_what_makes_no_sense_is_refused(kgmem: Command, arguments: tuple[str, ...], message: str) -> None:
    code, _, notes = kgmem(*arguments)
    assert code == 2
    assert message in notes
