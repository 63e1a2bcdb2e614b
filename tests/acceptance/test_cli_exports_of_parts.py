"""`kgmem export` of one session, and of one scope with those below it."""

import json
from pathlib import Path

import pytest

from tests.cli import Command


@pytest.mark.long
def test_one_session_and_one_user_are_exported_and_imported_by_one_command(kgmem: Command, tmp_path: Path) -> None:
    for graph in ("main", "copy"):
        assert kgmem("graph", "create", graph).code == 0
    for scope in ("user/1", "user/1/work"):
        assert kgmem("session", "open", "chat", "--agent", "planner", "--scope", scope).code == 0
        assert kgmem("session", "append", "chat", f"I like {scope}.", "--scope", scope).code == 0
    one, user = tmp_path / "one.jsonl", tmp_path / "user.jsonl.gz"
    written = kgmem("export", "--session", "chat", "--scope", "user/1", "-o", str(one), "--json").json["records"]
    assert (written["session"], written["session_message"], written["episode"]) == (1, 1, 1)
    assert "user/1/work" not in one.read_text()
    written = kgmem("export", "--scope", "user/1", "--below", "-o", str(user), "--json").json["records"]
    assert (written["session"], written["episode"]) == (2, 2)
    for file in (one, user):
        assert kgmem("import", str(file), "--graph", "copy").code == 0
    page = kgmem("session", "messages", "chat", "--scope", "user/1/work", "--graph", "copy", "--json").json
    assert [each["content"] for each in page["messages"]] == ["I like user/1/work."]

    missing = kgmem("export", "--session", "chat", "-o", str(tmp_path / "none.jsonl"))
    assert missing.code != 0
    assert "There is no session 'chat' in this scope." in missing.err
    assert not (tmp_path / "none.jsonl").exists()
    alone = kgmem("export", "--below")
    assert (alone.code, "Name the scope" in alone.err) == (2, True), alone


def test_the_shared_scope_is_the_default_of_a_session(kgmem: Command) -> None:
    assert kgmem("graph", "create", "main").code == 0
    assert kgmem("session", "open", "talk").code == 0
    assert kgmem("session", "append", "talk", "Hello.").code == 0
    lines = [json.loads(line) for line in kgmem("export", "--session", "talk").out.splitlines()]
    assert [each["type"] for each in lines] == ["episode", "session", "session_message"]
