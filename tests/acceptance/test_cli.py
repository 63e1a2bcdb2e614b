"""The command line against a real Postgres."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from kgmem.cli.main import run
from tests.cli import COMMAND, Command


@pytest.mark.long
def test_what_is_remembered_is_recalled(kgmem: Command, tmp_path: Path) -> None:
    tea = ("remember", "Ada prefers tea.", "--speaker", "Ada", "--key", "tea", "--no-extract")
    assert "Created the graph main" in kgmem(*tea).err
    file = tmp_path / "note.txt"
    file.write_text("Grace drinks coffee.")
    assert kgmem("remember", file).code == 0
    for path in (tmp_path / "nowhere.txt", "./nowhere.txt"):
        missed = kgmem("remember", path)
        assert (missed.code, f"Not found: the file {path}" in missed.err) == (3, True)
    assert kgmem("remember", "-", "--scope", "user/42", given=b"Alan runs at night.").code == 0
    assert kgmem(*tea).out.startswith("Unchanged")
    found = kgmem("recall", "tea", "--json").json
    assert found["hits"][0]["key"] == "tea"
    assert found["hits"][0]["retrievers"]["words"]["rank"] == 1
    told = kgmem("recall", "tea", "-k", "1", "--explain")
    assert "Ada prefers tea." in told.out
    assert "rank 1" in told.out
    assert "Alan" not in kgmem("recall", "Alan runs").out
    assert "Alan" in kgmem("recall", "Alan runs", "--scope", "user/42").out


@pytest.mark.long
def test_recall_takes_labels_kinds_sources_and_times(kgmem: Command, tmp_path: Path) -> None:
    kgmem("graph", "create", "main")
    file = tmp_path / "x.jsonl"
    file.write_text(
        '{"key":"a","label":"City","name":"Alpha town","valid_from":"1900","valid_to":"1950","source":"s1"}\n'
        '{"key":"b","label":"River","name":"Alpha river","source":"s2"}\n'
        '{"type":"episode","key":"e","text":"Alpha spoke."}\n'
    )
    assert kgmem("import", file).code == 0

    def keys(*options: str) -> set[str]:
        return {hit["key"] for hit in kgmem("recall", "alpha", "--json", *options).json["hits"]}

    assert keys() == {"a", "b", "e"}
    assert keys("--state", "current") == {"b", "e"}
    assert keys("--any-time") == {"a", "b", "e"}
    assert "a" in keys("--valid-at", "1925")
    assert "a" in keys("--between", "1940", "1960")
    assert keys("--label", "River") == {"b"}
    assert keys("--kind", "episode") == {"e"}
    assert keys("--source", "s2") == {"b"}
    assert keys("--fusion", "rrf") == {"a", "b", "e"}


@pytest.mark.long
def test_graphs_are_created_shown_checked_and_deleted(kgmem: Command, tmp_path: Path) -> None:
    schema = tmp_path / "own.toml"
    schema.write_text('[labels.Ship.properties.tons]\ntype = "integer"\nrequired = true\n')
    assert kgmem("graph", "create", "ships", "--schema", schema).code == 0
    assert kgmem("graph", "create", "ships").code == 4
    assert [graph["name"] for graph in kgmem("graph", "list", "--json").json] == ["ships"]
    assert "ships" in kgmem("graph", "list").out
    assert kgmem("graph", "show", "ships", "--json").json["stats"]["entities"] == 0
    assert "Ship" in kgmem("graph", "schema", "ships").out
    assert "tons" in kgmem("graph", "schema", "ships", "--json").json["labels"]["Ship"]["properties"]
    assert kgmem("graph", "check", "ships").code == 0
    kgmem("import", "-", "-g", "ships", "--format", "jsonl", given=b'{"key":"a","label":"Mermaid"}\n')
    departed = kgmem("graph", "check", "ships")
    assert departed.code == 1
    assert "Mermaid" in departed.out
    assert kgmem("graph", "delete", "ships", given=b"n\n").code == 1
    assert kgmem("graph", "delete", "ships", "--yes", "--json").json == {"deleted": "ships"}
    assert kgmem("graph", "show", "ships").code == 3


@pytest.mark.long
def test_keys_are_made_listed_and_revoked(kgmem: Command) -> None:
    made = kgmem("key", "create", "reader", "--role", "reader", "--scope", "user/42", "--expires", "2100-01-01")
    assert re.fullmatch(r"kgm_\S+\n", made.out)
    (listed,) = kgmem("key", "list", "--json").json
    assert (listed["name"], listed["role"], listed["scope"]) == ("reader", "reader", "user/42")
    assert made.out.strip() not in kgmem("key", "list").out
    grant = ("key", "grant", listed["id"], "team/7", "--reason", "on call")
    assert "may read team/7 until 2100-01-01" in kgmem(*grant, "--expires", "2100-01-01").out
    assert kgmem(*grant, "--access", "write").code == 2
    assert kgmem(*grant).code == 4
    (granted,) = kgmem("key", "grants", listed["id"], "--json").json
    assert (granted["scope"], granted["access"], granted["created_by"]) == ("team/7", "read", None)
    assert kgmem("key", "revoke-grant", listed["id"], granted["id"], "--reason", "over").code == 0
    assert kgmem("key", "grants", listed["id"], "--json").json[0]["revoke_reason"] == "over"
    assert kgmem("key", "revoke-grant", listed["id"], "99").code == 3
    assert kgmem("key", "revoke", listed["id"]).code == 0
    assert kgmem("key", "list", "--json").json[0]["revoked_at"]
    assert kgmem("key", "revoke", "nobody").code == 3
    assert kgmem("key", "create", "x", "--role", "everything").code == 2


def test_tables_of_any_shape_come_in_by_a_mapping_file_and_options(kgmem: Command, tmp_path: Path) -> None:
    kgmem("graph", "create", "main")
    table, mapping = tmp_path / "towns.csv", tmp_path / "towns.toml"
    table.write_text("id|town\n1|Linz\n")
    mapping.write_text('[[table]]\nfiles = "towns.csv"\n[[table.entity]]\nkey = "Town:{id}"\nname = "{town}"\n')
    done = kgmem("import", table, "--mapping", mapping, "--option", "delimiter=|", "--resume", "--json")
    assert (done.code, done.json["created"]) == (0, 1)
    out = tmp_path / "out.jsonl"
    kgmem("export", "-o", out)
    assert json.loads(out.read_text())["key"] == "Town:1"
    assert "has no value" in kgmem("import", table, "--option", "delimiter").err
    assert "no option" in kgmem("import", table, "--option", "delimitre=|").err


@pytest.mark.long
def test_an_import_tells_counts_and_bad_records_and_ends_with_1(kgmem: Command, tmp_path: Path) -> None:
    kgmem("graph", "create", "main")
    file, rejected = tmp_path / "x.csv", tmp_path / "rejected.jsonl"
    file.write_text("key,label,n:integer\na,City,1\nb,City,[many]\n")
    done = kgmem("import", file, "--rejected", rejected)
    assert done.code == 1
    assert "Read 2 records: 1 created, 1 rejected" in done.out
    assert "x.csv, line 3: n is '[many]'" in done.err
    assert json.loads(rejected.read_text())["line"] == 3
    told = kgmem("import", file, "--json")
    assert (told.code, told.json["unchanged"], told.json["rejected"]) == (1, 1, 1)
    assert kgmem("import", file, "--on-error", "stop").code == 2
    dry = kgmem("import", "-", "--format", "jsonl", "--dry-run", given=b'{"key":"z"}\n')
    assert "1 valid" in dry.out
    twice = kgmem("import", "-", "--format", "jsonl", "--dry-run", given=b'{"key":"z"}\n{"key":"z"}\n')
    assert "1 entity has a key that the file contains before" in twice.err
    assert "line 2: 'z', first on line 1" in twice.err
    assert kgmem("import", tmp_path / "none.csv").code == 3
    assert kgmem("import", file, "-g", "nowhere").code == 3


@pytest.mark.long
def test_an_export_goes_to_a_file_or_to_standard_output(kgmem: Command, tmp_path: Path) -> None:
    kgmem("remember", "One.", "--key", "one")
    assert kgmem("export").out == '{"key":"one","text":"One.","type":"episode"}\n'
    assert kgmem("export", "-o", tmp_path / "all.jsonl.xz", "--json").json["records"] == {"episode": 1}
    assert kgmem("export", "--kind", "episode", "--format", "csv").out == "text,occurred_at,key\r\nOne.,,one\r\n"
    assert kgmem("export", "--format", "csv").code == 2
    assert kgmem("export", "--json").code == 2


@pytest.mark.long
def test_the_index_is_rebuilt_and_embedded(kgmem: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGMEM_EMBEDDER", "none")
    kgmem("graph", "create", "main")
    kgmem("remember", "One.")
    assert kgmem("index", "rebuild", "-g", "main", "--json").json["episodes"] == 1
    monkeypatch.setenv("KGMEM_EMBEDDER", "hash")
    assert kgmem("index", "reembed", "-g", "main", "--json").json == {"embedded": 1}
    assert kgmem("index", "embed", "-g", "main", "--json").json == {"embedded": 0}


def test_errors_are_two_lines_and_an_exit_code(kgmem: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = kgmem("recall", "x", "-g", "nowhere")
    assert missing.code == 3
    assert missing.err.splitlines()[0] == "error: There is no graph 'nowhere'."
    assert "Traceback" not in missing.err
    assert kgmem("graph", "nix").code == 2
    monkeypatch.setenv("KGMEM_PORT", "many")
    wrong = kgmem("graph", "list")
    assert wrong.code == 2
    assert "Invalid KGMEM_PORT" in wrong.err
    monkeypatch.delenv("KGMEM_PORT")
    monkeypatch.setenv("KGMEM_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert kgmem("graph", "list").code == 5
    monkeypatch.setenv("KGMEM_LOG_LEVEL", "debug")
    assert "Traceback" in kgmem("graph", "list").err


def test_a_failure_that_kgmem_does_not_know_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise RuntimeError("[odd]")

    with pytest.raises(SystemExit) as ended:
        run(broken)
    assert ended.value.code == 1
    assert "RuntimeError: [odd]" in capsys.readouterr().err


def test_the_version_is_told(kgmem: Command) -> None:
    assert kgmem("--version").out.startswith("kgmem 0.")
    assert "kgmem" in kgmem("version", "--json").json
    assert "Python" in kgmem("version").out


@pytest.mark.long
def test_quickstart_answers_at_once_and_again(kgmem: Command) -> None:
    first = kgmem("quickstart")
    assert first.code == 0
    lines = first.out.splitlines()
    assert any(line.startswith("question: ") for line in lines)
    # The cause may come before the event, or before a fact about it.
    hits = [line.strip().partition(": ")[2] for line in lines if line.strip().startswith(("answer: ", "next: "))]
    assert lines[1 + lines.index(next(line for line in lines if line.startswith("question: ")))].startswith("answer: ")
    assert any(hit.startswith("Giving up of the landing of Apollo 13") for hit in hits)
    assert any(hit.startswith("Explosion of oxygen tank 2 on Apollo 13 - ") for hit in hits)
    assert "and had to give up the landing on the Moon" in first.out
    assert "kgm_" in first.out
    again = kgmem("quickstart")
    assert "kgm_" not in again.out
    assert "kgmem key create" in again.err
    assert "answer: " in again.out
    assert kgmem("graph", "check", "apollo").code == 0


@pytest.mark.long
def test_quickstart_serves_until_it_is_interrupted(kgmem: Command) -> None:
    environment = {**os.environ, "KGMEM_PORT": "0", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*COMMAND, "quickstart", "--serve"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        address = next(
            found[0] for line in process.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+(?=/| |$)", line))
        )
        assert httpx.get(f"{address}/health/ready").status_code == 200
        assert httpx.get(f"{address}/v1/graphs").status_code == 401
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert "answer: " in out
    assert process.returncode == 0


@pytest.mark.slow
def test_whoever_has_read_enough_may_close_the_pipe(kgmem: Command) -> None:
    kgmem("remember", "One.")
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" export | true', sys.executable, COMMAND[2]],
        env=dict(os.environ), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_what_a_file_says_comes_into_the_graph_and_goes_with_it(kgmem: Command, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "people.md").write_text("# People\n\nClara Weber works for Siemens.\n")
    (folder / "turns.jsonl").write_text('{"key": "t1", "text": "I met Tom Baker.", "speaker": "Clara Weber"}\n')
    dry = kgmem("remember", "Clara Weber works for Siemens.", "--dry-run", "-g", "notes")
    assert dry.code == 3  # There is no such graph.
    assert kgmem("graph", "create", "notes").code == 0
    dry = kgmem("remember", folder, "--dry-run", "-g", "notes")
    assert "Clara Weber WORKS_FOR Siemens" in dry.out
    assert kgmem("graph", "stats", "notes", "--json").json["stats"]["episodes"] == 0
    done = kgmem("remember", folder, "-g", "notes", "--json").json
    assert (done["stored"]["created"], done["extracted"]["episodes"]) == (2, 2)
    assert kgmem("remember", folder, "-g", "notes").out.startswith("Unchanged: it is stored already.")
    gone = kgmem("forget", "--session", "people.md", "t1", "-g", "notes", "--erase", "--json").json
    assert (gone["episodes"], gone["claims"]) == (2, 2)
    assert kgmem("graph", "stats", "notes", "--json").json["stats"]["entities"] == 0
    assert kgmem("forget", "-g", "notes").code == 2


def test_a_graph_that_may_exist_stays_as_it_is(kgmem: Command) -> None:
    assert kgmem("graph", "create", "team", "--strict", "--json").json["strict"] is True
    assert kgmem("graph", "create", "team").code == 4
    again = kgmem("graph", "create", "team", "--if-missing")
    assert (again.code, again.out.split()) == (0, ["The", "graph", "team", "exists;", "it", "is", "unchanged."])
    assert kgmem("graph", "show", "team", "--json").json["strict"] is True
