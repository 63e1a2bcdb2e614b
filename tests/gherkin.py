"""As much of Gherkin as the openCypher TCK is written in: scenarios, outlines, steps with a block or a table."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_STEP = re.compile(r"(?:Given|When|Then|And|But|\*) (.*)")
_SCENARIO = re.compile(r"(?:Scenario|Scenario Outline|Example): (.*)")
_BACKGROUND = "Background:"
_CELL = re.compile(r"(?:[^|\\]|\\.)*")
_QUOTES = '"""'


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its text without the keyword, and the block of text or the table under it."""

    text: str
    block: str = ""
    table: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class PlainScenario:
    """One scenario; `example` counts those that one outline gives, from 1."""

    name: str
    example: int
    steps: tuple[Step, ...]


@dataclass(slots=True)
class _Outline:
    name: str
    steps: list[Step] = field(default_factory=list)
    examples: list[list[tuple[str, ...]]] = field(default_factory=list)


def scenarios(text: str) -> Iterator[PlainScenario]:
    """Return the scenarios of a feature file in its order: outlines expanded, each with the steps of the background."""
    before: list[Step] = []
    for outline in _outlines(text.splitlines()):
        if outline.name == _BACKGROUND:
            before = outline.steps
            continue
        outline.steps[:0] = before
        if not outline.examples:
            yield PlainScenario(outline.name, 1, tuple(outline.steps))
            continue
        rows = [(table[0], row) for table in outline.examples for row in table[1:]]
        for number, (names, row) in enumerate(rows, 1):
            steps = tuple(_filled(step, names, row) for step in outline.steps)
            yield PlainScenario(outline.name, number, steps)


def _outlines(lines: list[str]) -> Iterator[_Outline]:
    outline: _Outline | None = None
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        at += 1
        if found := _SCENARIO.fullmatch(line):
            if outline is not None:
                yield outline
            outline = _Outline(found[1])
        elif line == _BACKGROUND:
            outline = _Outline(_BACKGROUND)
        elif outline is None or not line or line[0] in "#@":
            continue
        elif line == "Examples:":
            outline.examples.append([])
        elif line.startswith("|") and outline.examples:
            outline.examples[-1].append(_cells(line))
        elif line.startswith("|"):
            last = outline.steps[-1]
            outline.steps[-1] = Step(last.text, last.block, (*last.table, _cells(line)))
        elif line == _QUOTES:
            block, at = _block(lines, at)
            outline.steps[-1] = Step(outline.steps[-1].text, block)
        elif found := _STEP.fullmatch(line):
            outline.steps.append(Step(found[1]))
        else:
            raise ValueError(f"line {at} of the feature is not known: {line}")
    if outline is not None:
        yield outline


def _block(lines: list[str], at: int) -> tuple[str, int]:
    indent = len(lines[at - 1]) - len(lines[at - 1].lstrip())
    block = []
    while lines[at].strip() != _QUOTES:
        line = lines[at]
        block.append(line[min(indent, len(line) - len(line.lstrip())) :])
        at += 1
    return "\n".join(block), at + 1


def _cells(line: str) -> tuple[str, ...]:
    inner = line.strip()[1:]
    cells, at = [], 0
    while at < len(inner):
        found = _CELL.match(inner, at)
        assert found is not None
        cells.append(re.sub(r"\\([n|\\])", lambda m: "\n" if m[1] == "n" else m[1], found[0].strip()))
        at = found.end() + 1
    return tuple(cells)


def _filled(step: Step, names: tuple[str, ...], row: tuple[str, ...]) -> Step:
    def fill(text: str) -> str:
        for name, cell in zip(names, row, strict=True):
            text = text.replace(f"<{name}>", cell)
        return text

    table = tuple(tuple(fill(cell) for cell in line) for line in step.table)
    return Step(fill(step.text), fill(step.block), table)
