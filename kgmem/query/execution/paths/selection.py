"""Path values of rows, and path selectors: which of the paths between two nodes are kept."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.planning.steps import Search, Selection
from kgmem.query.tree.expressions import Expression
from kgmem.query.values import Node, Path, Relationship


def build_path(row: Row, elements: Sequence[str], read: Mapping[int, Node]) -> Path:
    """Return the path of a row's nodes and relationships, whose names are given in turn; `read` has those between."""
    nodes: list[Node] = [row[elements[0]]]
    relationships: list[Relationship] = []
    for link, end in zip(elements[1::2], elements[2::2], strict=True):
        held = row[link]
        if isinstance(held, Relationship):
            relationships.append(held)
            nodes.append(row[end])
            continue
        for each in held:
            relationships.append(each)
            there = each.end if each.start == nodes[-1].id else each.start
            nodes.append(row[end] if there == row[end].id else read[there])
    return Path(tuple(nodes), tuple(relationships))


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many paths are wanted, and of how many different lengths; None for all."""

    paths: int | None
    lengths: int | None


async def wanted(run: Run, asked: Search | Selection) -> Wanted:
    """Return what a selector asks for. Raises CypherError where its number is none."""
    number = 1 if asked.count is None else await _count(run, asked.count)
    return Wanted(None, number) if asked.all or asked.groups else Wanted(number, None)


async def _count(run: Run, part: Expression) -> int:
    value = await run.value(part, {})
    if type(value) is not int:
        raise run.error("InvalidArgumentType", "The number of paths must be an integer.", part.at, type="SyntaxError")
    if value < 1:
        raise run.error("NumberOutOfRange", "The number of paths must be at least 1.", part.at, type="SyntaxError")
    return int(value)


async def select(run: Run, asked: Selection, rows: Rows) -> Rows:
    """Return the rows with the shortest paths."""
    number = await wanted(run, asked)
    groups: dict[tuple[int, int, int], list[tuple[int, Row]]] = defaultdict(list)
    for row in rows:
        groups[row[asked.mark], row[asked.first].id, row[asked.last].id].append((_length(row, asked.parts), row))
    return [row for group in groups.values() for row in _shortest(group, number)]


def _shortest(found: list[tuple[int, Row]], number: Wanted) -> Iterable[Row]:
    found.sort(key=lambda each: each[0])
    if number.lengths is not None:
        kept = set(sorted({length for length, _ in found})[: number.lengths])
        found = [each for each in found if each[0] in kept]
    return [row for _, row in found[: number.paths]]


def _length(row: Row, parts: Sequence[str]) -> int:
    held = (row[name] for name in parts)
    return sum(_steps(each) for each in held)


def _steps(part: Path | list[Path]) -> int:
    return len(part.relationships) if isinstance(part, Path) else sum(map(_steps, part))
