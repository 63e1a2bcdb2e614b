"""`kgmem publications` on the command line."""

import json
from pathlib import Path

import pytest

from tests.cli import Command


@pytest.mark.long
def test_a_text_is_published_listed_and_withdrawn(kgmem: Command) -> None:
    kgmem("graph", "create", "main")
    assert kgmem("remember", "The ferry leaves at nine.", "--scope", "team/ada", "--key", "n1").code == 0
    published = kgmem("publications", "add", "--text", "n1", "--scope", "team/ada", "--to", "team", "--reason", "All.")
    assert "Published" in published.err + published.out
    again = ("publications", "add", "--text", "n1", "--scope", "team/ada", "--to", "team", "--reason", "All.")
    made = json.loads(kgmem(*again, "--json").out)
    assert (made["kind"], made["key"], made["state"]) == ("text", "n1", "published")
    assert "n1" in kgmem("publications", "list", "--scope", "team").out
    assert "nine" in kgmem("recall", "When does the ferry leave?", "--scope", "team").out
    withdrawn = kgmem("publications", "withdraw", str(made["id"]), "--scope", "team/ada")
    assert "Withdrew" in withdrawn.err + withdrawn.out
    listed = json.loads(kgmem("publications", "list", "--scope", "team", "--json").out)
    assert [each["state"] for each in listed["publications"]] == ["withdrawn"]
    assert "nine" not in kgmem("recall", "When does the ferry leave?", "--scope", "team").out
    missing = kgmem("publications", "withdraw", "99", "--scope", "team/ada")
    assert missing.code != 0


@pytest.mark.long
def test_why_names_the_publication_of_a_fact(kgmem: Command, tmp_path: Path) -> None:
    kgmem("graph", "create", "main")
    claim = {"type": "claim", "source": "radio", "subject": "ferry", "predicate": "port", "value": "Kiel"}
    (tmp_path / "claims.jsonl").write_text(json.dumps(claim | {"scope": "team/ada"}))
    assert kgmem("import", str(tmp_path / "claims.jsonl"), "--graph", "main").code == 0
    (fact,) = json.loads(kgmem("why", "ferry", "port", "--scope", "team/ada", "--json").out)
    add = ("publications", "add", str(fact["id"]), "--scope", "team/ada", "--to", "team", "--by", "ada")
    assert kgmem(*add, "--reason", "All need it.").code == 0

    told = kgmem("why", "ferry", "port", "--scope", "team").out

    assert "published from team/ada by ada" in told
    assert "All need it." in told
    (shown,) = json.loads(kgmem("why", "ferry", "port", "--scope", "team", "--json").out)
    assert [each["scope"] for each in shown["published"]] == ["team/ada"]
