"""`kgmem distil` on the command line."""

import json

import pytest

from tests.cli import Command

CHAT = " We talked for hours about nothing in particular. The coffee was as good as ever, and nobody wanted to leave."


@pytest.mark.long
def test_texts_are_planned_distilled_listed_and_undone(kgmem: Command) -> None:
    kgmem("graph", "create", "main")
    for number, text in enumerate(("Maria Chen works for Acme.", "The weather was lovely.", "It was nice to see you.")):
        assert kgmem("remember", text + CHAT, "--scope", "user/1", "--key", f"t{number}", "--no-extract").code == 0
    plan = kgmem("distil", "plan", "--scope", "user/1")
    assert "3 texts" in plan.out
    run = json.loads(kgmem("distil", "run", "--scope", "user/1", "--json").out)
    assert (run["state"], run["score"]) == ("done", 1)
    assert "done" in kgmem("distil", "list", "--scope", "user/1").out
    assert "3 texts" in kgmem("distil", "show", str(run["id"]), "--scope", "user/1").out
    undone = kgmem("distil", "undo", str(run["id"]), "--by", "ann", "--scope", "user/1", "--json")
    assert json.loads(undone.out)["state"] == "undone"
    again = kgmem("distil", "approve", str(run["id"]), "--by", "ann", "--scope", "user/1")
    assert again.code != 0
    assert "undone" in again.err
    allowed = kgmem("distil", "allow", "--scope", "user/1", "--items", "10")
    assert "30%" in allowed.out + allowed.err
    assert "3 of 10" in kgmem("distil", "allowances").out
    assert kgmem("distil", "allow", "--scope", "user/1", "--remove").code == 0


def test_the_doctor_shows_pressure_and_warns_above_the_threshold(
    kgmem: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KGMEM_DISTIL_DATABASE", "1")
    found = {each["area"]: each for each in json.loads(kgmem("doctor", "--json").out)}
    assert found["pressure-database"]["state"] == "warning"
    assert "distil the least used scopes" in found["pressure-database"]["what"]
    assert found["pressure-disk"]["what"].endswith("is used") or found["pressure-disk"]["state"] == "warning"
