"""The statements that recall composes are those of tests/golden/recall: a change to them is a change to these files."""

import pytest

from tests.recall_statements import FOLDER, QUESTIONS, rendered


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_composed_as_its_golden_file_has_it(name: str) -> None:
    stored = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    assert rendered(QUESTIONS[name]) == stored, "Run `python -m tests.recall_statements` and review the diff."


def test_no_golden_file_is_left_of_a_question_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.sql")} == QUESTIONS.keys()
