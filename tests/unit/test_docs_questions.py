"""Parts of questions that tables and sentences of the pages on recall show are what the server understands."""

import json
import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from kgmem_api.wire.recall import HopsFilter, RecallRequest, WherePart
from tests.pages import PAGES


def parts() -> Iterator[tuple[str, str]]:
    """Each JSON object in backticks of the pages on recall."""
    for name, page in PAGES.items():
        if name.startswith("recall"):
            for shown in re.findall(r"`(\{\"[^`]*\})`", page.read_text().replace("\n", " ")):
                if "..." not in shown:
                    yield name, shown


def question(part: dict[str, object]) -> dict[str, object]:
    """Return the question that a part belongs into: a question itself, its `where`, its hops, or properties."""
    names = set(part)
    if names & _names(RecallRequest):
        return part
    if names & _names(WherePart):
        return {"where": part}
    if names & _names(HopsFilter):
        return {"graph": {"hops": part}}
    return {"what": {"text": "x", "properties": part}}


def _names(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize(("name", "shown"), list(parts()))
def test_a_part_of_a_question_is_understood(name: str, shown: str) -> None:
    part = json.loads(shown)
    if "kinds" in part or "preventing" in part:
        pytest.skip("a part of a schema")
    RecallRequest.model_validate(question(part))


def test_there_are_such_parts() -> None:
    assert len(list(parts())) > 15
