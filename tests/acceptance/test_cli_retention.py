"""`kgmem retention` on the command line."""

import json

import pytest

from tests.cli import Command


@pytest.mark.long
def test_rules_are_put_tried_applied_and_deleted(kgmem: Command) -> None:
    kgmem("graph", "create", "main")
    assert kgmem("remember", "Ann sails.", "--key", "n1", "--scope", "user/1", "--no-extract").code == 0
    assert kgmem("retention", "put", "chats", "--keep", "0.001", "--scope", "user/1", "--reason", "Law.").code == 0
    assert kgmem("retention", "put", "all", "--forever").code == 0
    rules = json.loads(kgmem("retention", "list", "--json").out)
    assert [(each["name"], each["keep"], each["by"]) for each in rules] == [
        ("chats", 0.001, "cli"),
        ("all", None, "cli"),
    ]
    assert "for ever" in kgmem("retention", "list").out
    dry = kgmem("retention", "run", "--dry-run")
    assert "episode n1 in user/1 (chats)" in dry.out
    report = json.loads(kgmem("retention", "run", "--by", "ann", "--json").out)
    assert (report["state"], report["counts"][0]["removed"], report["by"]) == ("done", 1, "ann")
    assert "ann" in kgmem("retention", "runs").out
    assert "1 removed" in kgmem("retention", "show", str(report["id"])).out
    assert "n1" in kgmem("retention", "items", "--rule", "chats").out
    assert kgmem("retention", "delete", "chats").code == 0
    wrong = kgmem("retention", "delete", "chats")
    assert (wrong.code, "chats" in wrong.err) == (3, True)
    assert kgmem("retention", "put", "x").code == 2
