"""`kgmem audit` and roles of keys on the command line."""

from pathlib import Path

import pytest

from tests.cli import Command


@pytest.mark.long
def test_the_log_is_listed_exported_and_verified_and_what_was_changed_is_an_error(
    kgmem: Command, tmp_path: Path
) -> None:
    kgmem("graph", "create", "main")
    assert kgmem("audit", "level", "main").out.strip() == "Of main is audited: off."
    for level in ("all", "changes", "default"):
        assert kgmem("audit", "level", "main", level).code == 0
    wrong = kgmem("audit", "level", "main", "some")
    assert (wrong.code, "off, changes, all" in wrong.err) == (2, True)
    entries = kgmem("audit", "list", "--graph", "main", "--json").json["entries"]
    assert [(each["interface"], each["action"]) for each in entries] == [
        ("cli", "audit level: changes to default"),
        ("cli", "audit level: all to changes"),
        ("cli", "audit level: default to all"),
    ]
    noted = kgmem("audit", "head").out.strip()
    assert noted == f"3:{entries[0]['hash']}"
    assert kgmem("audit", "verify", "--head", noted, "--json").json["noted"] == "present"
    missing = kgmem("audit", "verify", "--head", f"9:{'0' * 64}")
    assert (missing.code != 0, "Entry 9 of the audit log is broken." in missing.err) == (True, True)
    file = tmp_path / "audit.jsonl"
    assert kgmem("audit", "export", str(file)).code == 0
    assert kgmem("audit", "verify", "--export", str(file), "--head", noted).code == 0
    first = file.read_text().splitlines()[0]
    file.write_text(file.read_text().replace("all to changes", "all to nothing"))
    changed = kgmem("audit", "verify", "--export", str(file))
    assert (changed.code == missing.code, "Entry 2 of the audit log is broken." in changed.err) == (True, True)
    for text in ("no entry", "[1]", '{"id": 1}', first.replace('"id":1', '"id":"1"')):
        file.write_text(text + "\n")
        found = kgmem("audit", "verify", "--export", str(file))
        assert (found.code, "line 1: this is no entry" in found.err) == (2, True), found
    assert kgmem("audit", "verify", "--export", str(tmp_path / "absent.jsonl")).code == 2


def test_keys_have_the_roles_that_are_known(kgmem: Command) -> None:
    assert kgmem("key", "create", "reviews", "--role", "reviewer", "--json").json["role"] == "reviewer"
    wrong = kgmem("key", "create", "x", "--role", "boss")
    assert (wrong.code, "reader, analyst, reviewer, importer, writer, admin" in wrong.err) == (2, True)
    assert [each["role"] for each in kgmem("key", "list", "--json").json] == ["reviewer"]


@pytest.mark.parametrize("name", ["absent/folder/log.jsonl", "x" * 300])
def test_a_file_that_cannot_be_written_is_named(kgmem: Command, tmp_path: Path, name: str) -> None:
    refused = kgmem("audit", "export", str(tmp_path / name))
    assert (refused.code, "Correct the path" in refused.err, "Unexpected" in refused.err) == (1, True, False)
    assert name[:100] in refused.err.replace("\n", "")
