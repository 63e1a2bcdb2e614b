"""Literals, parameters, variables, and operators, as functions of a row."""

import operator
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from kgmem.query.errors import RUNTIME, TYPE, CypherError, ValueProblem, shown, wrong_type
from kgmem.query.evaluation import arithmetic
from kgmem.query.evaluation.environment import Compiler, Compute, Handler, Row, truth
from kgmem.query.tree import expressions as tree
from kgmem.query.tree.traversal import EQUALITY, KEY, may_read_key
from kgmem.query.values import Node, Value
from kgmem.query.values.comparison import at_least, at_most, contains, equals, greater, less
from kgmem.query.values.typed import KNOWN, Test, type_test

# Regular expressions in bounded time: RE2's syntax and engine (by way of Arrow), which never backtracks.

_LONGEST = 10_000  # Characters of a pattern.
# What tools put before patterns for Java; RE2 knows Unicode without being told, and has no word for it.
_FLAGS = re.compile(r"\(\?([imsuU]+)([:)])")


def matches(text: Any, pattern: Any) -> bool | None:
    """Whether a text as a whole matches a pattern; None where one of them is no string. Raises ValueProblem."""
    if type(text) is not str or type(pattern) is not str:
        if pattern is not None and type(pattern) is not str:
            raise ValueProblem(f"A regular expression must be a string, got {shown(pattern)}.", type=TYPE)
        return None
    return _matches(text, pattern)


@lru_cache(8192)
def _matches(text: str, pattern: str) -> bool:
    if len(pattern) > _LONGEST:
        raise ValueProblem(f"A regular expression cannot have more than {_LONGEST:,} characters.")
    try:
        return _engine()(text, _FLAGS.sub(_known_flags, pattern))
    except ValueError as error:
        hint = "The syntax is RE2: look-around and back references are not supported."
        raise ValueProblem(f"Invalid regular expression {pattern[:60]!r}.", hint=hint) from error


def _known_flags(group: re.Match[str]) -> str:
    known = "".join(flag for flag in group[1] if flag not in "uU")
    if group[2] == ":":
        return f"(?{known}:"
    return f"(?{known})" if known else ""


@cache
def _engine() -> Callable[[str, str], bool]:
    engine: Callable[[str, str], bool] = import_module("kgmem.query.evaluation.re2").matches
    return engine


_Binary = Callable[[Any, Any], Any]

_ARITHMETIC: Mapping[str, _Binary] = {
    "+": arithmetic.add,
    "-": arithmetic.subtract,
    "*": arithmetic.multiply,
    "/": arithmetic.divide,
    "%": arithmetic.remainder,
    "^": arithmetic.power,
    "||": arithmetic.concatenate,
}


def _differs(left: Value, right: Value) -> bool | None:
    same = equals(left, right)
    return None if same is None else not same


def _is_in(value: Value, items: Value) -> bool | None:
    if items is None:
        return None
    if type(items) is not list:
        raise wrong_type("a list (for IN)", items)
    return contains(items, value)


def _of_texts(test: Callable[[str, str], bool]) -> _Binary:
    def compare(left: Value, right: Value) -> bool | None:
        return test(left, right) if type(left) is str and type(right) is str else None

    return compare


COMPARISONS: Mapping[str, _Binary] = {
    "=": equals,
    "<>": _differs,
    "!=": _differs,
    "<": less,
    "<=": at_most,
    ">": greater,
    ">=": at_least,
}
_TESTS: Mapping[str, _Binary] = {
    "IN": _is_in,
    "STARTS WITH": _of_texts(str.startswith),
    "ENDS WITH": _of_texts(str.endswith),
    "CONTAINS": _of_texts(operator.contains),
    "=~": matches,
}


class OperatorCompiler(Compiler):
    """Compiles what is made of literals and operators."""

    def _literal(self, part: Any) -> Compute:
        value = part.value
        return lambda _row: value

    def _null(self, _part: tree.NullLiteral) -> Compute:
        return lambda _row: None

    def _parameter(self, part: tree.Parameter) -> Compute:
        setting = self.setting
        if part.name in setting.parameters:
            value = setting.parameters[part.name]
            return lambda _row: value

        def missing(_row: Row) -> Value:
            problem = f"Missing parameter ${part.name}."
            raise CypherError(
                "MissingParameter", problem, query=setting.text, at=part.at, type="ParameterMissing", phase=RUNTIME
            )

        return missing

    def _variable(self, part: tree.Variable) -> Compute:
        return operator.itemgetter(part.name)

    def _list(self, part: tree.ListLiteral) -> Compute:
        items = tuple(map(self.compile, part.items))
        return lambda row: [item(row) for item in items]

    def _map(self, part: tree.MapLiteral) -> Compute:
        entries = tuple((name, self.compile(value)) for name, value in part.entries)
        return lambda row: {name: value(row) for name, value in entries}

    def _binary(self, compute: _Binary, left: Compute, right: Compute, at: int) -> Compute:
        setting = self.setting

        def run(row: Row) -> Value:
            try:
                return compute(left(row), right(row))
            except ValueProblem as problem:
                raise setting.error(problem, at) from problem

        return run

    def _arithmetic(self, part: tree.Arithmetic) -> Compute:
        return self._binary(_ARITHMETIC[part.operator], self.compile(part.left), self.compile(part.right), part.at)

    def _signed(self, part: tree.Signed) -> Compute:
        compute = arithmetic.negated if part.operator == "-" else arithmetic.same
        operand = self.compile(part.operand)
        return self.guarded(lambda row: compute(operand(row)), part.at)

    def _not(self, part: tree.Not) -> Compute:
        operand = self.compile(part.operand)

        def run(row: Row) -> Value:
            found = truth(operand(row))
            return None if found is None else not found

        return self.guarded(run, part.at)

    def _and(self, part: tree.And) -> Compute:
        return self._junction(part, decides=False)

    def _or(self, part: tree.Or) -> Compute:
        return self._junction(part, decides=True)

    def _junction(self, part: tree.And | tree.Or, *, decides: bool) -> Compute:
        operands = tuple(map(self.compile, part.operands))

        def run(row: Row) -> Value:
            found: bool | None = not decides
            for operand in operands:
                value = operand(row)
                if value is decides:
                    return decides
                if truth(value) is None:
                    found = None
            return found

        return self.guarded(run, part.at)

    def _xor(self, part: tree.Xor) -> Compute:
        operands = tuple(map(self.compile, part.operands))

        def run(row: Row) -> Value:
            found = False
            for operand in operands:
                value = truth(operand(row))
                if value is None:
                    return None
                found ^= value
            return found

        return self.guarded(run, part.at)

    def _comparison(self, part: tree.Comparison) -> Compute:
        sides = (part.first, *(operand for _, operand in part.rest))
        if any(sign in EQUALITY for sign, _ in part.rest) and any(map(may_read_key, sides)):
            return self._comparison_of_keys(part)
        first = self.compile(part.first)
        if len(part.rest) == 1:
            sign, operand = part.rest[0]
            compare, second = COMPARISONS[sign], self.compile(operand)
            return lambda row: compare(first(row), second(row))
        rest = tuple((COMPARISONS[sign], self.compile(operand)) for sign, operand in part.rest)

        def run(row: Row) -> Value:
            found: bool | None = True
            left = first(row)
            for compare, operand in rest:
                right = operand(row)
                holds = compare(left, right)
                if holds is False:
                    return False
                if holds is None:
                    found = None
                left = right
            return found

        return run

    def _comparison_of_keys(self, part: tree.Comparison) -> Compute:
        """Return a comparison in which the key of a merged node, compared with a node's key, means the kept one."""
        first, kept = self._side(part.first), self.setting.kept_keys
        rest = tuple((sign, COMPARISONS[sign], self._side(operand)) for sign, operand in part.rest)

        def run(row: Row) -> Value:
            found: bool | None = True
            left, left_is_key = first(row)
            for sign, compare, operand in rest:
                right, right_is_key = operand(row)
                if sign not in EQUALITY or left_is_key is right_is_key:
                    holds = compare(left, right)
                elif left_is_key:
                    holds = compare(left, kept.of(right))
                else:
                    holds = compare(kept.of(left), right)
                if holds is False:
                    return False
                if holds is None:
                    found = None
                left, left_is_key = right, right_is_key
            return found

        return run

    def _side(self, part: tree.Expression) -> Callable[[Row], tuple[Any, bool]]:
        """Return what computes one side of a comparison, and whether that is the key of a node."""
        compute, kept = self.compile(part), self.setting.kept_keys
        if not isinstance(part, tree.Property | tree.Index) or not may_read_key(part):
            return lambda row: (compute(row), False)
        subject = self.compile(part.subject)
        name: Compute = (lambda _row: KEY) if isinstance(part, tree.Property) else self.compile(part.index)

        def run(row: Row) -> tuple[Any, bool]:
            return compute(row), kept.is_on and name(row) == KEY and type(subject(row)) is Node

        return run

    def _test(self, part: tree.Test) -> Compute:
        test, right = _TESTS[part.operator], self.compile(part.right)
        if part.operator != "IN" or not may_read_key(part.left):
            return self._binary(test, self.compile(part.left), right, part.at)
        side, kept, setting = self._side(part.left), self.setting.kept_keys, self.setting

        def run(row: Row) -> Value:
            (left, is_key), listed = side(row), right(row)
            try:
                return test(left, kept.of(listed) if is_key else listed)
            except ValueProblem as problem:
                raise setting.error(problem, part.at) from problem

        return run

    def _is_null(self, part: tree.IsNull) -> Compute:
        operand, negated = self.compile(part.operand), part.negated
        return lambda row: (operand(row) is None) is not negated

    def _is_typed(self, part: tree.IsTyped) -> Compute:
        operand, test, negated = self.compile(part.operand), self._type_test(part.type), part.negated
        return lambda row: test(operand(row)) is not negated

    def _type_test(self, part: tree.TypeName) -> Test:
        if part.name not in KNOWN:
            problem = f"Unknown type {part.name}."
            raise CypherError("InvalidType", problem, query=self.setting.text, at=part.at)
        return type_test(part.name, map(self._type_test, part.parts), not_null=part.not_null)

    def _kept_key(self, part: tree.KeptKey) -> Compute:
        operand, kept = self.compile(part.operand), self.setting.kept_keys
        return lambda row: kept.of(operand(row))


HANDLERS: Mapping[type, Handler] = {
    tree.KeptKey: OperatorCompiler._kept_key,
    tree.NullLiteral: OperatorCompiler._null,
    tree.BooleanLiteral: OperatorCompiler._literal,
    tree.IntegerLiteral: OperatorCompiler._literal,
    tree.FloatLiteral: OperatorCompiler._literal,
    tree.StringLiteral: OperatorCompiler._literal,
    tree.Parameter: OperatorCompiler._parameter,
    tree.Variable: OperatorCompiler._variable,
    tree.ListLiteral: OperatorCompiler._list,
    tree.MapLiteral: OperatorCompiler._map,
    tree.Arithmetic: OperatorCompiler._arithmetic,
    tree.Signed: OperatorCompiler._signed,
    tree.Not: OperatorCompiler._not,
    tree.And: OperatorCompiler._and,
    tree.Or: OperatorCompiler._or,
    tree.Xor: OperatorCompiler._xor,
    tree.Comparison: OperatorCompiler._comparison,
    tree.Test: OperatorCompiler._test,
    tree.IsNull: OperatorCompiler._is_null,
    tree.IsTyped: OperatorCompiler._is_typed,
}
