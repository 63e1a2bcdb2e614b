"""CREATE and DROP of indexes and constraints: they become a part of the graph's own schema, at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from kgmem.domain.errors import Forbidden, InvalidInput
from kgmem.domain.schema.index import NamedIndex
from kgmem.domain.schema.schema import GraphSchema, from_mapping, merge
from kgmem.query.execution.executor import Run
from kgmem.query.execution.graph import Graphs
from kgmem.query.tree.clauses import CreateConstraint, CreateIndex, Drop
from kgmem.query.tree.expressions import Expression, TypeName

SchemaCommand = CreateIndex | CreateConstraint | Drop
_CONSTRAINTS = {"UNIQUE": "unique", "KEY": "key", "NOT NULL": "required", "TYPED": "typed"}
_INDEXES = {"BTREE": "range"}
_TYPES = {
    "BOOLEAN": "boolean",
    "STRING": "string",
    "INTEGER": "integer",
    "FLOAT": "float",
    "DATE": "date",
    "ZONED DATETIME": "datetime",
    "LOCAL DATETIME": "datetime",
}


async def command(run: Run, body: SchemaCommand, graphs: Graphs) -> None:
    """Make or drop an index or constraint. Raises CypherError, Forbidden, and Conflict where the data forbids it."""
    if run.scope is not None:
        hint = "Use an API key without a scope."
        raise Forbidden(
            "Indexes and constraints belong to the whole graph, but this query is restricted to a scope.", hint=hint
        )
    _check_alone(run, body)
    if isinstance(body, Drop):
        change: _Dropping | _Making = _Dropping(run, body, str(await _name(run, body.name)))
    elif isinstance(body, CreateIndex) and body.kind == "LOOKUP":
        return  # What finds nodes by label, and relationships by type, is there from the start.
    else:
        change = _Making(run, body, await _wanted(run, body))
    await graphs.change_schema(run.graph, change)
    if change.done:
        counted = "constraints" if change.constrains else "indexes"
        word = f"{counted}_{'removed' if isinstance(body, Drop) else 'added'}"
        run.counters = replace(run.counters, **{word: 1})


def _check_alone(run: Run, body: SchemaCommand) -> None:
    """Raise CypherError where the change would wait for the transaction that it is in.

    It is made at once and for good, beside the transaction, and waits for those who write the tables concerned; what is
    dropped waits for those who read them as well.
    """
    used = run.transaction.used
    if used == "written" or (used == "read" and isinstance(body, Drop)):
        problem = f"Indexes and constraints cannot be changed in the same transaction after something was {used}."
        hint = "Send the command by itself, or as the first of a transaction."
        detail = "ForbiddenDueToTransactionType"
        raise run.error(detail, problem, body.at, type="TransactionError", hint=hint)


async def _name(run: Run, name: Expression | str | None) -> str | None:
    found = await run.value(name, {}) if isinstance(name, Expression) else name
    if found is not None and not (isinstance(found, str) and found.strip()):
        raise run.error("InvalidArgumentType", "The name of an index must be a string.", 0, type="TypeError")
    return found


async def _wanted(run: Run, body: CreateIndex | CreateConstraint) -> NamedIndex:
    """Return what a command describes, read as a schema's document is, so that the same holds of both."""
    name = await _name(run, body.name)
    options = await run.value(body.options, {}) if body.options is not None else {}
    if isinstance(body, CreateIndex):
        kind = _INDEXES.get(body.kind, body.kind.lower())
        about, told = list(body.labels), _vector_options(options) if kind == "vector" else {}
    else:
        kind, about, told = _CONSTRAINTS[body.kind], [body.label], {}
        if body.type is not None:
            told["type"] = _type(run, body.type, body.at)
    where = "to" if body.on_relationships else "of"
    document = {"index": kind, where: about, "properties": list(body.properties), **told}
    name = name or _made_up(document)
    try:
        return from_mapping({"indexes": {name: document}}).indexes[name]
    except InvalidInput as error:
        problem = error.message.removeprefix(f"indexes.{name}.")
        raise run.error("InvalidArgumentValue", problem, body.at, type="ArgumentError", hint=error.hint) from error


def _vector_options(options: Any) -> dict[str, Any]:
    config = options.get("indexConfig", {}) if isinstance(options, Mapping) else {}
    config = config if isinstance(config, Mapping) else {}
    similarity = config.get("vector.similarity_function", "cosine")
    found = {"dimension": config.get("vector.dimensions", 0)}
    return {**found, "similarity": similarity.lower() if isinstance(similarity, str) else similarity}


def _type(run: Run, asked: TypeName, at: int) -> str:
    inner = asked.parts[0] if asked.name == "LIST" and len(asked.parts) == 1 else asked
    if inner.name not in _TYPES:
        hint = f"Types are {', '.join(_TYPES)}, and lists of them."
        raise run.error(
            "NotSupported",
            f"A constraint to the type {inner.name} is not supported.",
            at,
            type="SyntaxError",
            hint=hint,
        )
    return _TYPES[inner.name] if inner is asked else f"list[{_TYPES[inner.name]}]"


def _made_up(document: Mapping[str, Any]) -> str:
    digest = blake2b(repr(sorted(document.items())).encode(), digest_size=4).hexdigest()
    return f"{'index' if document['index'] not in _CONSTRAINTS.values() else 'constraint'}_{digest}"


@dataclass(slots=True)
class _Making:
    """Adds an index to a schema. It may be called again, with a schema that others have changed."""

    run: Run
    body: CreateIndex | CreateConstraint
    wanted: NamedIndex
    done: bool = False

    @property
    def constrains(self) -> bool:
        """Whether it is a constraint."""
        return self.wanted.constrains

    def __call__(self, own: GraphSchema) -> GraphSchema:
        """Return the schema with the index; as it was where that is there already, and may be."""
        held = own.indexes.get(self.wanted.name)
        same = next((each for each in own.indexes.values() if each.equals(self.wanted)), None)
        self.done = held is None and same is None
        if self.done:
            return merge(own, GraphSchema(indexes={self.wanted.name: self.wanted}))
        if self.body.lenient:
            return own
        what = "constraint" if self.constrains else "index"
        there = held or same or self.wanted
        problem = f"An equivalent {what} already exists: {there.name}."
        if held is not None and not held.equals(self.wanted):
            problem = f"An index or constraint named {held.name} already exists."
        hint = "Use IF NOT EXISTS, or another name."
        detail = "ConstraintAlreadyExists" if self.constrains else "IndexAlreadyExists"
        raise self.run.error(detail, problem, self.body.at, type="SchemaError", hint=hint)


@dataclass(slots=True)
class _Dropping:
    """Takes an index out of a schema."""

    run: Run
    body: Drop
    name: str
    done: bool = False

    @property
    def constrains(self) -> bool:
        """Whether it is a constraint."""
        return self.body.what == "CONSTRAINT"

    def __call__(self, own: GraphSchema) -> GraphSchema:
        """Return the schema without the index. Raises CypherError where there is none, unless that may be."""
        held = own.indexes.get(self.name)
        self.done = held is not None and held.constrains == self.constrains
        if self.done:
            return replace(own, indexes={name: each for name, each in own.indexes.items() if name != self.name})
        if self.body.lenient:
            return own
        what = self.body.what.lower()
        known = ", ".join(name for name, each in own.indexes.items() if each.constrains == self.constrains)
        hint = (
            f"Existing: {known}."
            if known
            else "Indexes and constraints that the schema declares on a property are changed in the schema."
        )
        detail = "ConstraintNotFound" if self.constrains else "IndexNotFound"
        raise self.run.error(detail, f"Not found: {what} {self.name}.", self.body.at, type="SchemaError", hint=hint)
