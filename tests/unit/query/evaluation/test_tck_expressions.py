"""The openCypher TCK's scenarios that need no graph, run by the evaluation of expressions alone."""

import math
from typing import Any

import pytest

from kgmem.query.errors import CypherError
from kgmem.query.values.comparison import order_key
from kgmem.query.values.text import text_of
from tests.expressions import Answer, NeedsGraph, run
from tests.tck import Failure, Rows, Run, Scenario, scenarios


def told(value: Any) -> Any:
    """Return a value as the TCK's tables write it: what they have no notation for is its text."""
    if isinstance(value, list):
        return [told(each) for each in value]
    if isinstance(value, dict):
        return {name: told(each) for name, each in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return text_of(value)


def alike(given: Any, expected: Any, *, ordered: bool) -> bool:
    if isinstance(given, float) and isinstance(expected, float):
        return given == expected or (math.isnan(given) and math.isnan(expected))
    if isinstance(given, list) and isinstance(expected, list):
        if not ordered:
            given, expected = sorted(given, key=order_key), sorted(expected, key=order_key)
        return len(given) == len(expected) and all(
            alike(a, b, ordered=ordered) for a, b in zip(given, expected, strict=True)
        )
    if isinstance(given, dict) and isinstance(expected, dict):
        return given.keys() == expected.keys() and all(
            alike(given[key], expected[key], ordered=ordered) for key in given
        )
    return type(given) is type(expected) and bool(given == expected)


def fits(answer: Answer, expected: Rows) -> bool:
    if expected.columns and answer.columns != expected.columns:
        return False
    given = [told(list(row)) for row in answer.rows]
    wanted = [list(row) for row in expected.rows]
    if not expected.ordered:
        given, wanted = sorted(given, key=order_key), sorted(wanted, key=order_key)
    return len(given) == len(wanted) and all(
        len(one) == len(other)
        and all(alike(a, b, ordered=expected.lists_ordered) for a, b in zip(one, other, strict=True))
        for one, other in zip(given, wanted, strict=True)
    )


def verdict(scenario: Scenario, part: Run) -> str:
    """Say what is wrong with what a query gives; nothing where it is right."""
    try:
        answer = run(part.query, **scenario.parameters)
    except CypherError as error:
        given = f"{error.type}: {error.phase}: {error.detail}"
        if not isinstance(part.expected, Failure):
            return f"{given}: {error.problem}"
        wanted = part.expected
        fitting = (
            error.type == wanted.type
            and wanted.phase in {error.phase, "any time"}
            and wanted.detail in {error.detail, "*"}
        )
        return "" if fitting else f"{given}, and not {wanted.type}: {wanted.phase}: {wanted.detail}"
    if isinstance(part.expected, Rows):
        return "" if fits(answer, part.expected) else f"{answer.rows}, and not {part.expected.rows}"
    return f"{answer.rows}, and not {part.expected}"


def judged() -> tuple[int, list[str]]:
    count, wrong = 0, []
    for scenario in scenarios():
        if scenario.setup or scenario.procedures or len(scenario.runs) != 1:
            continue
        try:
            found = verdict(scenario, scenario.runs[0])
        except NeedsGraph:
            continue
        count += 1
        if found:
            wrong.append(f"{scenario}\n{scenario.runs[0].query}\n{found}")
    return count, wrong


@pytest.mark.long
def test_every_scenario_without_a_graph_gives_what_it_must() -> None:
    count, wrong = judged()
    assert wrong == [], f"{len(wrong)} of {count}"
    assert count > 2500
