"""CASE, and what computes something for each item of a list, as functions of a row."""

from collections.abc import Iterator, Mapping
from typing import Any

from kgmem.query.errors import wrong_type
from kgmem.query.evaluation.environment import Compiler, Compute, Handler, Row, truth
from kgmem.query.tree import expressions as tree
from kgmem.query.tree.expressions import Expression
from kgmem.query.values import Value
from kgmem.query.values.comparison import equals

_BETWEEN_CHECKS = 1023  # So many items less one are computed between two looks whether to stop.


class ListCompiler(Compiler):
    """Compiles CASE, comprehensions, list predicates and reduce."""

    def _case(self, part: tree.Case) -> Compute:
        branches = tuple(
            (tuple(map(self.compile, branch.tests)), self.compile(branch.result)) for branch in part.branches
        )
        otherwise = self.compile(part.otherwise) if part.otherwise is not None else lambda _row: None
        if part.subject is None:

            def chosen(row: Row) -> Value:
                for tests, result in branches:
                    if any(truth(test(row)) for test in tests):
                        return result(row)
                return otherwise(row)

            return self.guarded(chosen, part.at)
        subject = self.compile(part.subject)

        def compared(row: Row) -> Value:
            value = subject(row)
            for tests, result in branches:
                for test in tests:
                    wanted = test(row)
                    # Unlike =, CASE finds null where null is asked for.
                    if equals(value, wanted) or (value is None and wanted is None):
                        return result(row)
            return otherwise(row)

        return compared

    def _items(self, source: Expression) -> Compute:
        compute = self.compile(source)

        def run(row: Row) -> Value:
            items = compute(row)
            if items is not None and type(items) is not list:
                raise wrong_type("a list", items)
            return items

        return run

    def _rows(self, row: Row, name: str, items: list[Any]) -> Iterator[Row]:
        """Return the row with each item in turn; one row, changed, for all of them."""
        check = self.setting.check
        inner = dict(row)
        for count, item in enumerate(items):
            if count & _BETWEEN_CHECKS == _BETWEEN_CHECKS:
                check()
            inner[name] = item
            yield inner
        # Short lists in each other add up as well.
        check()

    def _comprehension(self, part: tree.ListComprehension) -> Compute:
        source, name = self._items(part.source), part.variable.name
        where = None if part.where is None else self.compile(part.where)
        result = None if part.result is None else self.compile(part.result)

        def run(row: Row) -> Value:
            items = source(row)
            if items is None:
                return None
            kept = (inner for inner in self._rows(row, name, items) if where is None or truth(where(inner)) is True)
            return [inner[name] if result is None else result(inner) for inner in kept]

        return self.guarded(run, part.at)

    def _predicate(self, part: tree.ListPredicate) -> Compute:
        source, name = self._items(part.source), part.variable.name
        where = self.compile(part.where if part.where is not None else part.variable)
        decide = _DECISIONS[part.kind]

        def run(row: Row) -> Value:
            items = source(row)
            if items is None:
                return None
            return decide(truth(where(inner)) for inner in self._rows(row, name, items))

        return self.guarded(run, part.at)

    def _reduce(self, part: tree.Reduce) -> Compute:
        start, source, step = self.compile(part.start), self._items(part.source), self.compile(part.step)
        accumulator, name = part.accumulator.name, part.variable.name

        def run(row: Row) -> Value:
            items = source(row)
            total = start(row)
            if items is None:
                return None
            for inner in self._rows(row, name, items):
                inner[accumulator] = total
                total = step(inner)
            return total

        return self.guarded(run, part.at)


def _all(found: Iterator[bool | None]) -> bool | None:
    result: bool | None = True
    for each in found:
        if each is False:
            return False
        if each is None:
            result = None
    return result


def _any(found: Iterator[bool | None]) -> bool | None:
    result: bool | None = False
    for each in found:
        if each is True:
            return True
        if each is None:
            result = None
    return result


def _none(found: Iterator[bool | None]) -> bool | None:
    result = _any(found)
    return None if result is None else not result


def _single(found: Iterator[bool | None]) -> bool | None:
    count, unknown = 0, False
    for each in found:
        count += each is True
        unknown |= each is None
        if count > 1:
            return False
    return None if unknown else count == 1


_DECISIONS = {"all": _all, "any": _any, "none": _none, "single": _single}

HANDLERS: Mapping[type, Handler] = {
    tree.Case: ListCompiler._case,
    tree.ListComprehension: ListCompiler._comprehension,
    tree.ListPredicate: ListCompiler._predicate,
    tree.Reduce: ListCompiler._reduce,
}
