"""MATCH: the matches of a pattern as rows, quantified path patterns included."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.candidates import Found, MatchOptions, candidates
from kgmem.query.execution.executor import WEIGHT, Rows, Run, slices
from kgmem.query.execution.paths.selection import select
from kgmem.query.execution.paths.shortest import search
from kgmem.query.execution.projection import wanted
from kgmem.query.planning.column_pruning import ALL
from kgmem.query.planning.steps import Match, Pattern, Repeat, Stage
from kgmem.query.values import Node, Path, Relationship

_ORIGIN, _USED = (
    "\0origin",
    "\0used",
)  # The number of the row that a row comes of; relationships that it has gone along.
_EVERYTHING = frozenset({ALL})
_HOPS_BATCH = 5000  # Rows whose ids are sent at once.


async def plain(run: Run, asking: MatchOptions, rows: Rows, at: int) -> Found:
    """Return what a pattern of one stage makes of rows, each with the number of the row that it comes of."""
    found, predicates = await candidates(run, asking, rows, at)
    if not predicates:
        return found
    origins: dict[int, int] = {}
    for part in slices(found):
        origins |= {id(new): origin for origin, new in part}
        await run.turn()
    kept: Found = []
    for some in slices(await run.where(predicates, [new for _, new in found])):
        kept += [(origins[id(new)], new) for new in some]
        await run.turn()
    return kept


async def staged(run: Run, pattern: Pattern, rows: Rows, at: int) -> Found:
    """Return what a pattern of several stages makes of rows, each with the number of the row that it comes of."""
    rows = [{**row, _ORIGIN: number, _USED: frozenset()} for number, row in enumerate(rows)]
    rows = await _matched(run, pattern, rows, at)
    for stage in pattern.stages:
        rows = await _stage(run, stage, rows, at)
        last = stage is pattern.stages[-1]
        if last and stage.pattern is None:  # Its predicates may ask for whole paths.
            _tell_wholes(pattern, rows)
        rows = await run.where(stage.predicates, rows)
        if last and stage.pattern is not None:
            _tell_wholes(pattern, rows)
    return [(row[_ORIGIN], row) for row in rows]


async def _stage(run: Run, stage: Stage, rows: Rows, at: int) -> Rows:
    """Return what a stage makes of rows, before its predicates."""
    if stage.mark is not None:
        rows = [{**row, stage.mark: number} for number, row in enumerate(rows)]
    if stage.repeat is not None:
        rows = await _repeated(run, stage.repeat, rows)
    if stage.pattern is not None:
        rows = await _matched(run, stage.pattern, rows, at)
    if stage.search is not None:
        rows = await search(run, stage.search, rows, at)
    if stage.selection is not None:
        rows = await select(run, stage.selection, rows)
    return rows


def _tell_wholes(pattern: Pattern, rows: Rows) -> None:
    """Put the paths that go through several stages into rows."""
    for whole in pattern.wholes:
        for row in rows:
            row[whole.name] = _whole([row[name] for name in whole.elements])


async def _matched(run: Run, pattern: Pattern, rows: Rows, at: int) -> Rows:
    """Rows with all that a plain pattern finds for them along relationships that they have not gone along yet."""
    result: Rows = []
    for first in range(0, len(rows), _HOPS_BATCH):
        batch = rows[first : first + _HOPS_BATCH]
        for origin, new in await _all(run, pattern, batch, at):
            used: frozenset[int] = batch[origin][_USED]
            gone = _gone(pattern, new)
            if used.isdisjoint(gone):
                new[_USED] = used.union(gone)
                result.append(new)
        run.check(result, at)
    return result


async def _all(run: Run, pattern: Pattern, rows: Rows, at: int) -> Found:
    if not pattern.links and not pattern.predicates and all(each.bound and not each.labels for each in pattern.nodes):
        # There is nothing to be looked for.
        there = [(n, row) for n, row in enumerate(rows) if all(row[each.name] is not None for each in pattern.nodes)]
        return [
            (n, {**row, **{path.name: Path((row[path.elements[0]],), ()) for path in pattern.paths}})
            for n, row in there
        ]
    needs = dict.fromkeys((*(part.name for part in pattern.parts), *(p.name for p in pattern.paths)), _EVERYTHING)
    return await plain(run, MatchOptions(pattern, needs, needs), rows, at)


def _gone(pattern: Pattern, row: Row) -> list[int]:
    """Return the relationships that a row goes along in a pattern."""
    found: list[int] = []
    for link in pattern.links:
        held = row[link.name]
        found += [held.id] if isinstance(held, Relationship) else [each.id for each in held]
    return found


@dataclass(frozen=True, slots=True)
class _Walk:
    """A row on its way through a group: where it stands, and what it found in each repetition."""

    row: Row
    here: Node
    used: frozenset[int]
    found: tuple[Row, ...] = ()


async def _repeated(run: Run, repeat: Repeat, rows: Rows) -> Rows:
    """Return each row with each way through a group, breadth first; no relationship is gone along twice."""
    walks = [_Walk(row, row[repeat.start], row[_USED]) for row in rows if row[repeat.start] is not None]
    result: Rows = []
    depth = 0
    while walks:
        if depth >= repeat.least:
            result += [row for walk in walks if (row := _ended(repeat, walk)) is not None]
            run.check(result, repeat.at)
        if depth == repeat.most:
            break
        walks = await _further(run, repeat, walks)
        depth += 1
    return result


async def _further(run: Run, repeat: Repeat, walks: Sequence[_Walk]) -> list[_Walk]:
    further: list[_Walk] = []
    for first in range(0, len(walks), _HOPS_BATCH):
        batch = walks[first : first + _HOPS_BATCH]
        asked = [{**walk.row, repeat.first: walk.here} for walk in batch]
        for origin, new in await _all(run, repeat.inner, asked, repeat.at):
            walk, gone = batch[origin], _gone(repeat.inner, new)
            if walk.used.isdisjoint(gone):
                kept = {name: new[name] for name in (*repeat.lists, repeat.path)}
                further.append(_Walk(walk.row, new[repeat.last], walk.used.union(gone), (*walk.found, kept)))
        run.check(further, repeat.at)
    return further


def _ended(repeat: Repeat, walk: _Walk) -> Row | None:
    """Return the row of a walk that ends here; None where the group is to end at another node."""
    known = walk.row.get(repeat.end, walk.here)
    if known is None or known.id != walk.here.id:
        return None
    names = (*repeat.lists, repeat.path)
    found = walk.found[::-1] if repeat.backwards else walk.found
    told = found[0] if repeat.once else {name: [each[name] for each in found] for name in names}
    return {**walk.row, **told, repeat.end: walk.here, _USED: walk.used}


def _whole(parts: Iterable[Path | list[Path]]) -> Path:
    """Return one path of paths and lists of paths, each of which begins where the one before ends."""
    nodes: list[Node] = []
    relationships: list[Relationship] = []
    for part in parts:
        for each in [part] if isinstance(part, Path) else part:
            nodes += each.nodes[1:] if nodes else each.nodes
            relationships += each.relationships
    return Path(tuple(nodes), tuple(relationships))


_BATCH = 2000  # Rows whose ids are sent at once.


async def match(run: Run, step: Match, rows: Rows) -> Rows:
    """Return each row with each way in which the pattern matches for it."""
    pattern = step.pattern
    nothing = dict.fromkeys(pattern.named)
    # What comes first of all rows is not what comes first of each.
    most = None if step.optional or (step.order and len(rows) != 1) else await wanted(run, step.most)
    asking = MatchOptions(pattern, step.needs, step.lean, step.shown, most=most, folded=step.folded, order=step.order)
    result: Rows = []
    for first in range(0, len(rows), _BATCH):
        batch = rows[first : first + _BATCH]
        groups = await matches(run, asking, batch, step.at)
        for row, found in zip(batch, groups, strict=True):
            if found:
                result += found
            elif step.optional:
                result.append({**row, **nothing})
        run.check(result, step.at)
        if most is not None and len(result) >= most:
            break
    return result


async def matches(run: Run, asking: MatchOptions, rows: Rows, at: int) -> list[Rows]:
    """Return for each row the rows that the pattern yields."""
    groups: list[Rows] = [[] for _ in rows]
    if not rows:
        return groups
    found = await (staged(run, asking.pattern, rows, at) if asking.pattern.stages else plain(run, asking, rows, at))
    for part in slices(found):
        for origin, new in part:
            groups[origin].append(new)
            for name in [name for name in new if name[:1] == "\0" and name != WEIGHT]:
                del new[name]
        await run.turn()
    return groups
