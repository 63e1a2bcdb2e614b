"""`kgmem imports`, and `kgmem import` of folders and of what never ends."""

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import asyncpg
import pytest

from tests.cli import COMMAND, Command


@pytest.fixture
def filled(kgmem: Command, tmp_path: Path) -> Command:
    """Commands, after two imports into `main`: one of what is there, one that adds to it and has a fault."""
    kgmem("graph", "create", "main")
    first, second = tmp_path / "first.jsonl", tmp_path / "second.csv"
    first.write_text('{"key":"ann","label":"Person","name":"Ann"}\n')
    second.write_text("key,label,name,n:integer\nann,Person,Anne,1\nbob,[x],Bob,2\ncarl,Person,Carl,many\n")
    assert kgmem("import", first).code == 0
    done = kgmem("import", second)
    assert (done.code, done.out.split()[-2:]) == (1, ["Import", "2."])
    assert "kgmem imports rejected 2 --graph main --output FILE" in done.err
    return kgmem


@pytest.mark.long
def test_imports_are_listed_newest_first(filled: Command) -> None:
    listed = filled("imports", "list", "--json").json
    assert [(each["id"], each["state"], each["created"], each["rejected"]) for each in listed] == [
        (2, "done", 1, 1),
        (1, "done", 1, 0),
    ]
    assert "second.csv" in filled("imports", "list").out
    page = filled("imports", "list", "--limit", "1")
    assert "first.jsonl" not in page.out
    assert "--before 2" in page.err
    assert [each["id"] for each in filled("imports", "list", "--before", "2", "--json").json] == [1]
    filled("graph", "create", "other")
    assert "No imports into other yet" in filled("imports", "list", "-g", "other").out
    assert filled("imports", "list", "-g", "nowhere").code == 3


@pytest.mark.long
def test_an_import_tells_what_came_of_it(filled: Command) -> None:
    shown = filled("imports", "show", "2")
    assert all(words in shown.out for words in ("done", "second.csv", "updated", "entity 2"))
    assert "kgmem imports rejected 2" in shown.err
    assert filled("imports", "show", "2", "--json").json["updated"] == 1
    missing = filled("imports", "show", "77")
    assert missing.code == 3
    assert "/v1/" not in missing.err
    assert "list of its imports" in missing.err


@pytest.mark.long
def test_an_import_tells_what_it_rejected(filled: Command, tmp_path: Path) -> None:
    assert "n is 'many'" in filled("imports", "rejected", "2").out
    (one,) = filled("imports", "rejected", "2", "--json").json
    assert (one["file"], one["line"]) == ("second.csv", 4)
    assert filled("imports", "rejected", "2", "-o", tmp_path / "all.jsonl").code == 0
    assert json.loads((tmp_path / "all.jsonl").read_text()) == one
    assert json.loads(filled("imports", "rejected", "2", "-o", "-").out) == one
    assert "rejected nothing" in filled("imports", "rejected", "1").out


@pytest.mark.long
def test_an_import_tells_what_it_created_and_changed(filled: Command) -> None:
    told = filled("imports", "items", "2", "--json").json
    assert [(each["operation"], each["key"], each["label"]) for each in told["items"]] == [
        ("created", "bob", "[x]"),
        ("updated", "ann", "Person"),
    ]
    page = filled("imports", "items", "2", "--limit", "1")
    assert "bob" in page.out
    assert "[x]" in page.out
    cursor = page.err.split()[-1]
    assert "ann" in filled("imports", "items", "2", "--cursor", cursor).out
    assert filled("imports", "items", "2", "--cursor", "x").code == 2


@pytest.mark.long
def test_an_import_is_taken_back_out_after_a_question(filled: Command) -> None:
    would = filled("imports", "undo", "2", "--dry-run")
    assert (would.code, "is unchanged" in would.out) == (0, True)
    assert filled("imports", "undo", "2", "--dry-run", "--json").json["deleted"] == {"entity": 1}
    refused = filled("imports", "undo", "2", given=b"n\n")
    assert refused.code == 1
    assert "would be" in refused.err
    assert filled("imports", "show", "2", "--json").json["state"] == "done"
    done = filled("imports", "undo", "2", given=b"y\n")
    assert done.code == 0
    assert "is undone" in done.out
    assert json.loads(filled("export").out)["name"] == "Ann"
    again = filled("imports", "undo", "2")
    assert (again.code, "was undone already" in again.out) == (0, True)
    assert filled("imports", "undo", "77", "--yes").code == 3


@pytest.mark.long
def test_what_others_changed_since_stays_and_the_exit_code_says_so(filled: Command, tmp_path: Path) -> None:
    third = tmp_path / "third.jsonl"
    third.write_text('{"key":"bob","name":"Robert"}\n')
    filled("import", third)
    would = filled("imports", "undo", "2", "--dry-run")
    assert (would.code, "changed since then" in would.out) == (1, True)
    done = filled("imports", "undo", "2", "--yes", "--json")
    assert done.code == 1
    assert (done.json["restored"], done.json["changed"]) == (1, 1)
    assert done.json["kept"] == [{"kind": "entity", "key": "bob", "reason": "changed"}]


def test_a_folder_is_imported_and_what_is_passed_over_is_named(kgmem: Command, tmp_path: Path) -> None:
    kgmem("graph", "create", "main")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "edges.csv").write_text("from,to,kind\na,b,KNOWS\n")
    (folder / "nodes.csv").write_text("key\na\nb\n")
    (folder / "README.txt").write_text("What this is.")
    done = kgmem("import", folder, "--json")
    assert (done.code, done.json["kinds"]) == (0, {"entity": 2, "relationship": 1})
    assert f"Skipped {folder / 'README.txt'}: no format ends so" in done.err
    (folder / "notes.csv").write_text("colour,size\nred,1\n")
    refused = kgmem("import", folder)
    assert refused.code == 2
    assert "notes.csv" in refused.err


@pytest.mark.long
@pytest.mark.parametrize("begun", [b"", b'{"key":"a"}\n'], ids=["nothing came yet", "something came"])
def test_ctrl_c_ends_an_import_of_standard_input_that_says_nothing(
    kgmem: Command, database_url: str, begun: bytes
) -> None:
    kgmem("graph", "create", "main")
    process = subprocess.Popen(
        [*COMMAND, "import", "-", "--format", "jsonl"],
        env=dict(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdin
        process.stdin.write(begun)
        process.stdin.flush()
        asyncio.run(_import_runs(database_url))
        process.send_signal(signal.SIGINT)
        # The pipe stays open meanwhile: its end would end the import too.
        assert process.stderr
        process.wait(timeout=60)
        told = process.stderr.read().decode()
        assert (process.returncode, "--resume" in told) == (130, True), told
    finally:
        process.kill()
        process.communicate()
    assert kgmem("imports", "list", "--json").json[0]["state"] == "failed"


async def _import_runs(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        deadline = time.monotonic() + 30
        while not await connection.fetchval("SELECT count(*) FROM kgmem.import WHERE state = 'running'"):
            assert time.monotonic() < deadline, "it never began"
            await asyncio.sleep(0.05)
    finally:
        await connection.close()
