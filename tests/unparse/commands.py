"""Commands and statements as Cypher."""

from kgmem.query.tree import clauses as tree
from kgmem.query.tree.expressions import Expression
from tests.unparse.written import name, opt, variable, where, written

_REQUIREMENTS = {"UNIQUE": "IS UNIQUE", "KEY": "IS KEY", "NOT NULL": "IS NOT NULL"}


@written.register
def _(part: tree.Statement) -> str:
    mode = f"{part.mode} " if part.mode else ""
    return f"{mode}{written(part.body)}"


@written.register
def _(part: tree.Show) -> str:
    which = f"{part.which} " if part.which else ""
    what = part.what
    if part.name is not None:
        what = f"DATABASE {variable(part.name)}"
    return f"SHOW {which}{what}{opt(' YIELD ', part.yielded)}{where(part.where)}{opt(' ', part.returned)}"


@written.register
def _(part: tree.CreateIndex) -> str:
    new = f"CREATE {part.kind} INDEX{_named(part.name)}{' IF NOT EXISTS' if part.lenient else ''}"
    what = _what(part.labels, on_relationships=part.on_relationships)
    if part.kind == "LOOKUP":
        called = "type" if part.on_relationships else "labels"
        return f"{new} FOR {what} ON EACH {called}(x){opt(' OPTIONS ', part.options)}"
    properties = ", ".join(f"x.{name(each)}" for each in part.properties)
    on = f"EACH [{properties}]" if part.kind == "FULLTEXT" else f"({properties})"
    return f"{new} FOR {what} ON {on}{opt(' OPTIONS ', part.options)}"


@written.register
def _(part: tree.CreateConstraint) -> str:
    new = f"CREATE CONSTRAINT{_named(part.name)}{' IF NOT EXISTS' if part.lenient else ''}"
    what = _what((part.label,), on_relationships=part.on_relationships)
    properties = ", ".join(f"x.{name(each)}" for each in part.properties)
    requirement = _REQUIREMENTS.get(part.kind) or f"IS :: {opt('', part.type)}"
    return f"{new} FOR {what} REQUIRE ({properties}) {requirement}{opt(' OPTIONS ', part.options)}"


@written.register
def _(part: tree.Drop) -> str:
    return f"DROP {part.what}{_named(part.name)}{' IF EXISTS' if part.lenient else ''}"


def _named(given: Expression | str | None) -> str:
    if given is None:
        return ""
    return f" `{given.replace('`', '``')}`" if isinstance(given, str) else f" {written(given)}"


def _what(labels: tuple[str, ...], *, on_relationships: bool) -> str:
    of = ":" + "|".join(map(name, labels)) if labels else ""
    return f"()-[x{of}]-()" if on_relationships else f"(x{of})"
