"""Facts are corrected, retracted and ended on the command line, by what they say or by id."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli import Command

WHO = ("--by", "ada", "--reason", "I know.")


@pytest.fixture
def jobs(kgmem: Command, tmp_path: Path) -> Command:
    """A command over a graph in which two sources say where Ada works."""
    entities, relationships = tmp_path / "entities.jsonl", tmp_path / "relationships.jsonl"
    entities.write_text("\n".join(json.dumps({"key": key, "name": key.title()}) for key in ("ada", "acme", "globex")))
    said = {"from": "ada", "kind": "WORKS_AT", "to": "acme", "valid_from": "2015", "text": "Ada works at Acme."}
    relationships.write_text("\n".join(json.dumps(said | {"source": source}) for source in ("press", "profile")))
    assert kgmem("graph", "create", "main").code == 0
    done = kgmem("import", entities, relationships)
    assert done.code == 0, done.err
    return kgmem


def answers(kgmem: Command, *more: str) -> list[Any]:
    """Return where recall says that Ada works."""
    hits = kgmem("recall", "Where does Ada work?", "--kind", "fact", "--json", *more).json["hits"]
    return sorted(hit["end"]["key"] for hit in hits if hit["label"] == "WORKS_AT")


@pytest.mark.long
def test_what_is_retracted_is_no_answer(jobs: Command) -> None:
    assert answers(jobs) == ["acme"]
    done = jobs("retract", "ada", "WORKS_AT", "acme", *WHO)
    assert (done.code, done.out.startswith("retract: acme")) == (0, True), done
    assert answers(jobs) == []
    again = jobs("retract", "ada", "LIVES_IN", *WHO)
    assert (again.code, "LIVES_IN" in again.err) == (3, True), again


@pytest.mark.long
def test_what_ended_is_an_answer_for_the_time_before(jobs: Command) -> None:
    done = jobs("expire", "ada", "WORKS_AT", "--valid-to", "2020", *WHO, "--json")
    assert (done.code, done.json["action"]) == (0, "expire"), done
    assert answers(jobs, "--valid-at", "2018") == ["acme"]
    assert answers(jobs, "--valid-at", "2022") == []
    early = jobs("expire", "ada", "WORKS_AT", "--valid-to", "2010", *WHO)
    assert (early.code != 0, "before it begins" in early.err) == (True, True), early


@pytest.mark.long
def test_a_correction_takes_the_place_of_what_was_wrong(jobs: Command) -> None:
    done = jobs("correct", "ada", "WORKS_AT", "acme", "--object", "globex", *WHO, "--json")
    assert (done.code, done.json["before"]["value"]) == (0, "acme"), done
    assert answers(jobs) == ["globex"]
    same = jobs("correct", "ada", "WORKS_AT", "globex", "--object", "globex", *WHO)
    assert (same.code != 0, "another object" in same.err) == (True, True), same
    nobody = jobs("correct", "ada", "WORKS_AT", "--object", "acme", "--reason", "Because.")
    assert nobody.code == 2
    assert "--by" in nobody.err
    log = jobs("review", "log", "--json")
    assert "I know." in log.out
