"""The openCypher TCK as data: its feature files, read into scenarios that any runner can play.

An outline gives one scenario a row of its examples. Tables come as values (tests/tck_values.py).
"""

import functools
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests import gherkin
from tests.data import data
from tests.gherkin import Step
from tests.tck_values import value

ARCHIVE = "cypher_tck/tck_features.tar.xz"

_LISTS = "(ignoring element order for lists)"
_ERROR = re.compile(r"an? (\w+) should be raised at (compile time|runtime|any time): (\w+|\*)$")
_PROCEDURE = re.compile(r"there exists a procedure (\S+?)\((.*?)\) :: \((.*?)\) ?:$")


@dataclass(frozen=True, slots=True)
class Field:
    """A name and a type, as procedures declare them: INTEGER?, STRING?, NUMBER?."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure that a scenario declares: its signature, and the table that says which rows it gives."""

    name: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a query must give, with or without their order, and with or without that of lists in them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    ordered: bool = False
    lists_ordered: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """The error that a query must end in; a phase of "any time" and a detail of "*" hold for every one."""

    type: str
    phase: str
    detail: str


@dataclass(frozen=True, slots=True)
class Run:
    """One query, what it must give, and what it must have changed (None: the scenario does not say)."""

    query: str
    expected: Rows | Failure | None
    side_effects: dict[str, int] | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario: what stands before, and the queries to run in order.

    `graph` is empty, any, or the name of a given graph.
    """

    category: str
    feature: str
    name: str
    example: int
    graph: str = "any"
    setup: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    procedures: tuple[Procedure, ...] = ()
    runs: tuple[Run, ...] = ()

    def __str__(self) -> str:
        """Return the scenario's place: category, feature, name and the number of the example."""
        return f"{self.category} {self.feature} {self.name} #{self.example}"


@functools.cache
def scenarios() -> tuple[Scenario, ...]:
    """Return all scenarios in the order of categories and files. Skips the test where the data is absent."""
    return tuple(scenario for path, text in _files(".feature") for scenario in _scenarios(path, text))


@functools.cache
def given_graphs() -> dict[str, str]:
    """Return the query that creates each of the graphs that scenarios name (binary-tree-1, ...)."""
    return {path.rsplit("/", 1)[1].removesuffix(".cypher"): text for path, text in _files(".cypher")}


def _files(suffix: str) -> list[tuple[str, str]]:
    with tarfile.open(data(ARCHIVE)) as packed:
        members = sorted((member for member in packed if member.name.endswith(suffix)), key=lambda member: member.name)
        read = ((member.name, packed.extractfile(member)) for member in members)
        return [(name, file.read().decode()) for name, file in read if file is not None]


def _scenarios(path: str, text: str) -> Iterator[Scenario]:
    category, file = path.removeprefix("./").removeprefix("features/").rsplit("/", 1)
    for plain in gherkin.scenarios(text):
        scenario = Scenario(category, file.removesuffix(".feature"), plain.name, plain.example)
        for step in plain.steps:
            scenario = _with_step(scenario, step)
        yield scenario


def _with_step(scenario: Scenario, step: Step) -> Scenario:
    text = step.text
    if text in {"executing query:", "executing control query:"}:
        return replace(scenario, runs=(*scenario.runs, Run(step.block, None, None)))
    if text == "having executed:":
        return replace(scenario, setup=(*scenario.setup, step.block))
    if text == "parameters are:":
        return replace(scenario, parameters={row[0]: value(row[1]) for row in step.table})
    if text in {"an empty graph", "any graph"}:
        return replace(scenario, graph=text.split()[1])
    if found := re.fullmatch(r"the (\S+) graph", text):
        return replace(scenario, graph=found[1])
    if found := _PROCEDURE.fullmatch(text):
        return replace(scenario, procedures=(*scenario.procedures, _procedure(found, step)))
    return _with_expectation(scenario, step)


def _with_expectation(scenario: Scenario, step: Step) -> Scenario:
    text = step.text
    *before, last = scenario.runs
    if text == "no side effects":
        run = replace(last, side_effects={})
    elif text == "the side effects should be:":
        run = replace(last, side_effects={row[0]: int(row[1]) for row in step.table})
    elif text == "the result should be empty":
        run = replace(last, expected=Rows((), ()))
    elif text.startswith("the result should be"):
        run = replace(last, expected=_rows(text, step))
    elif found := _ERROR.fullmatch(text):
        run = replace(last, expected=Failure(found[1], found[2], found[3]))
    else:
        raise ValueError(f"a TCK step of a kind that is not known: {text}")
    return replace(scenario, runs=(*before, run))


def _rows(text: str, step: Step) -> Rows:
    columns, *rows = step.table
    values = tuple(tuple(value(cell) for cell in row) for row in rows)
    return Rows(tuple(columns), values, ordered="in order" in text, lists_ordered=_LISTS not in text)


def _procedure(found: re.Match[str], step: Step) -> Procedure:
    columns, *rows = step.table
    values = tuple(tuple(value(cell) for cell in row) for row in rows)
    return Procedure(found[1], _fields(found[2]), _fields(found[3]), tuple(columns), values)


def _fields(text: str) -> tuple[Field, ...]:
    pairs = (part.split("::") for part in text.split(",") if part.strip())
    return tuple(Field(name.strip(), type_.strip()) for name, type_ in pairs)
