"""`kgmem scopes` on the command line."""

import json

import pytest

from tests.cli import Command


@pytest.mark.long
def test_scopes_are_listed_shown_and_deleted(kgmem: Command) -> None:
    kgmem("graph", "create", "main")
    for scope in ("user/1", "user/10"):
        assert kgmem("remember", "Ann sails.", "--scope", scope, "--key", "n1").code == 0
    listed = json.loads(kgmem("scopes", "list", "--json").out)
    assert [each["scope"] for each in listed["scopes"]] == ["user/1", "user/10"]
    assert "user/10" in kgmem("scopes", "list", "--within", "user").out
    assert json.loads(kgmem("scopes", "show", "user/1", "--json").out)["counts"]["episodes"] == 1
    assert "episodes" in kgmem("scopes", "show", "user/1").out

    planned = kgmem("scopes", "delete", "user/1", "--dry-run")
    assert "Would delete" in planned.err + planned.out
    report = json.loads(kgmem("scopes", "delete", "user/1", "--erase", "--json").out)
    assert report["deleted"]["episodes"] == 1
    assert [each["scope"] for each in json.loads(kgmem("scopes", "list", "--json").out)["scopes"]] == ["user/10"]
    found = kgmem("scopes", "traces", "Ann sails", "--json")  # The other scope has the same text.
    assert (found.code, bool(json.loads(found.out)["found"])) == (1, True)
    nothing = kgmem("scopes", "traces", "Zqwertine")
    assert (nothing.code, "No trace" in nothing.out) == (0, True)
    missing = kgmem("scopes", "delete", "user/1/x")
    assert missing.code != 0
    assert "Nothing was written" in missing.err
