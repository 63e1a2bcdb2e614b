"""SQL is composed of literal text alone: mypy refuses plain str, and what mypy cannot see is looked up here."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from mypy import api

from kgmem.store.db.statements import load
from kgmem.store.graph.subsystems import MAKE
from tests.house.sources import nodes

ROOT = Path(__file__).parents[2]
_SQL = "kgmem.store.db.sql"
# The module of the type itself, and the loader of SQL files.
_MAKERS = {ROOT / "kgmem/store/db/sql.py", ROOT / "kgmem/store/db/statements.py"}
_OF_LITERALS = {"SQL", "compose", "join", "later"}

_PREAMBLE = f"""
import asyncpg
from {_SQL} import SQL, compose, fill, identifier, join, literal, number
def run(statement: SQL) -> None: ...
def connected() -> asyncpg.Connection: raise NotImplementedError
name: str = input()
connection = connected()
"""
_REFUSED = (
    "run(name)",
    "run('SELECT 1')",
    "run(f'SELECT {name}')",
    "run('SELECT ' + identifier(name))",
    "run(SQL('SELECT ') + identifier(name))",
    "run(SQL('SELECT %s') % name)",
    "run(SQL('SELECT {}').format(name))",
    "compose('SELECT {}', name)",
    "compose('SELECT {column}', column=name)",
    "fill(SQL('SELECT %(column)s'), {'column': name})",
    "fill(name, {})",
    "join(', ', [SQL('a'), name])",
    "number(name)",
    "print(connection.fetch(name))",
    "print(connection.fetchval('SELECT 1'))",
    "print(connection.execute(f'DROP TABLE {name}'))",
)
_TAKEN = (
    "run(compose('SELECT {} FROM {table}', identifier(name), table=SQL('t')))",
    "run(join(', ', [SQL('a'), literal(name), number(3)]))",
    "text: str = SQL('SELECT 1')",
    "print(connection.fetch(SQL('SELECT $1::text'), name))",
)


@pytest.mark.slow
def test_mypy_refuses_a_plain_text_where_sql_is_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    program = tmp_path / "program.py"
    program.write_text(_PREAMBLE + "\n".join((*_REFUSED, *_TAKEN)), encoding="utf-8")
    output, errors, _ = api.run(["--strict", str(program)])
    assert not errors
    refused = {int(line.split(":")[1]) for line in output.splitlines() if " error: " in line}
    first = _PREAMBLE.count("\n") + 1
    assert refused == set(range(first, first + len(_REFUSED))), output


@cache
def _modules() -> list[tuple[Path, tuple[ast.AST, ...]]]:
    """Return the modules that make SQL."""
    paths = [path for folder in ("kgmem", "api", "migrations") for path in sorted((ROOT / folder).rglob("*.py"))]
    texts = [(path, path.read_text(encoding="utf-8")) for path in paths if path not in _MAKERS]
    return [(path, nodes(path)) for path, text in texts if _SQL in text or "parameters.add(" in text]


def _not_literal(module: tuple[ast.AST, ...]) -> Iterator[int]:
    names = {
        alias.asname or alias.name
        for node in module
        if isinstance(node, ast.ImportFrom) and node.module == _SQL
        for alias in node.names
    }
    for node in module:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        texts = node.args if node.func.id == "later" else node.args[:1]
        made = node.func.id in names & _OF_LITERALS and not all(isinstance(text, ast.Constant) for text in texts)
        if made or (node.func.id == "cast" and "SQL" in ast.unparse(node.args[0])):
            yield node.lineno


def test_sql_is_made_of_literal_text() -> None:
    found = [f"{path.relative_to(ROOT)}:{line}" for path, module in _modules() for line in _not_literal(module)]
    assert not found, "SQL(), compose() and join() take a literal, and nothing is cast to SQL."


def test_types_of_parameters_are_literals() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, module in _modules()
        if path.is_relative_to(ROOT / "kgmem/store")
        for node in module
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add"
        and ast.unparse(node.func.value).endswith("parameters")
        and len(node.args) == 2
        and not isinstance(node.args[1], ast.Constant)
    ]
    assert not found, "The type of a parameter is part of the SQL, so it is a literal."


def test_no_check_for_composed_sql_is_switched_off() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("kgmem", "api", "migrations")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"noqa:.*S608", line)
    ]
    assert not found


def test_each_statement_that_is_named_is_in_its_file() -> None:
    named = [
        (f"{path.relative_to(ROOT)}:{node.lineno}", *(ast.literal_eval(argument) for argument in node.args[:2]))
        for folder in ("kgmem", "tests", "bench")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if re.search(r"(sql|statement)\(", path.read_text(encoding="utf-8"))
        for node in nodes(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"sql", "statement"}
        if len(node.args) > 1 and all(isinstance(argument, ast.Constant) for argument in node.args[:2])
    ]
    assert len(named) > 500
    named += [(subsystem, file, name) for subsystem, (file, names) in MAKE.items() for name in names]
    files = {path.stem: load(path.stem) for path in (ROOT / "kgmem/store/sql").glob("*/*.sql")}
    assert not [(place, file, name) for place, file, name in named if name not in files.get(file, ())]
