"""`kgmem erase` on the command line, and over REST with whose key."""

import json
from pathlib import Path

import pytest

from tests.cli import Command


@pytest.mark.long
def test_a_person_is_erased_and_the_report_verified(kgmem: Command, tmp_path: Path) -> None:
    kgmem("graph", "create", "main")
    assert kgmem("remember", "Clara Zqweber sails.", "--key", "n1").code == 0
    assert "Clara Zqweber" not in kgmem("erase", "--text", "Clara Zqweber", "--dry-run").err
    planned = json.loads(kgmem("erase", "--text", "Clara Zqweber", "--dry-run", "--json").out)
    assert planned["counts"]["episodes"] == 1
    assert kgmem("erase", "--verify", "--text", "Clara Zqweber").code == 1
    file = tmp_path / "report.json"
    done = kgmem("erase", "--text", "Clara Zqweber", "--reason", "She asked.", "--output", str(file))
    assert (done.code, "Complete" in done.out) == (0, True)
    assert "holds" in kgmem("erase", "verify-report", str(file)).out
    id_ = json.loads(file.read_text())["report"]["id"]
    assert "No trace" in kgmem("erase", "--verify", "--report", id_, "--text", "Clara Zqweber").out
    assert [each["report"]["id"] for each in json.loads(kgmem("erase", "reports", "--json").out)] == [id_]
    assert json.loads(kgmem("erase", "report", id_).out) == json.loads(file.read_text())
    key = kgmem("erase", "public-key").out.strip()
    assert kgmem("erase", "verify-report", str(file), "--public-key", key).code == 0
    file.write_text(file.read_text().replace("She asked.", "He asked."))
    assert kgmem("erase", "verify-report", str(file)).code == 1
    assert kgmem("erase").code == 2
