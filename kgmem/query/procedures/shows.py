"""What SHOW shows: databases, indexes, constraints, procedures, functions, and who asks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.schema.index import NamedIndex
from kgmem.query.execution.executor import Run
from kgmem.query.execution.procedures import Procedure, ShowRows
from kgmem.query.functions import FUNCTIONS
from kgmem.query.procedures.context import ProcedureContext
from kgmem.query.procedures.overview import TEXTS, VECTORS, Declared, declared, label_counts
from kgmem.query.tree.clauses import Show
from kgmem.query.types import Field, FunctionSignature

_Shown = Iterable[Mapping[str, Any]]
_ROLES = {"writer": "publisher", "admin": "admin"}  # As Neo4j calls them; all others read.


def shown(context: ProcedureContext, procedures: Sequence[Procedure]) -> Mapping[str, ShowRows]:
    """Return what each kind of SHOW shows."""

    async def databases(run: Run, asked: Show) -> _Shown:
        names = [graph.name for graph in await context.all_graphs()] if run.scope is None else [run.graph]
        # A query that is restricted to a graph or scope learns of no other: which graphs there are is for those of all.
        seen = [name for name in names if name == run.graph or not run.bound]
        if asked.which is not None:  # HOME or DEFAULT.
            seen = [run.graph]
        if asked.name is not None:
            seen = [name for name in seen if name.casefold() == asked.name.casefold()]
        return [_database(name, home=name == run.graph) for name in seen]

    async def indexes(run: Run, asked: Show) -> _Shown:
        graph = await context.graph(run.graph)
        labels = list(await label_counts(context, run))
        rows = [_vectors(graph.space, labels), _texts(labels)]
        schema = context.schema(graph)
        rows += [_index(each) for each in declared(schema) if each.indexed or each.unique]
        rows += [_named(each) for each in schema.indexes.values() if each.unique or not each.constrains]
        wanted = asked.which if asked.which not in {None, "ALL"} else None
        return [{"id": n, **row} for n, row in enumerate(rows, start=1) if wanted in {None, row["type"]}]

    async def constraints(run: Run, _asked: Show) -> _Shown:
        graph = await context.graph(run.graph)
        schema = context.schema(graph)
        rows = [row for each in declared(schema) for row in _constraints(each)]
        rows += [_named_constraint(each) for each in schema.indexes.values() if each.constrains]
        return [{"id": n, **row} for n, row in enumerate(rows, start=1)]

    async def listed(_run: Run, _asked: Show) -> _Shown:
        return [_procedure(each) for each in procedures]

    async def functions(_run: Run, _asked: Show) -> _Shown:
        return [_function(each) for each in FUNCTIONS.values()]

    async def current_user(run: Run, _asked: Show) -> _Shown:
        role = _ROLES.get(run.asker.role, "reader") if run.asker is not None else "admin"
        name = run.asker.name if run.asker is not None else "kgmem"
        told = {"passwordChangeRequired": False, "suspended": False, "home": run.graph}
        return [{"user": name, "roles": ["PUBLIC", role], **told}]

    return {
        "CURRENT USER": current_user,
        "DATABASES": databases,
        "INDEXES": indexes,
        "CONSTRAINTS": constraints,
        "PROCEDURES": listed,
        "FUNCTIONS": functions,
    }


def _database(name: str, *, home: bool) -> dict[str, Any]:
    return {
        "name": name,
        "type": "standard",
        "aliases": [],
        "access": "read-write",
        "address": "",
        "role": "primary",
        "writer": True,
        "requestedStatus": "online",
        "currentStatus": "online",
        "statusMessage": "",
        "default": home,
        "home": home,
        "constituents": [],
    }


def _ready(name: str, kind: str, labels: list[str], properties: list[str], **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "state": "ONLINE",
        "populationPercent": 100.0,
        "type": kind,
        "entityType": "NODE",
        "labelsOrTypes": labels,
        "properties": properties,
        "indexProvider": "kgmem",
        **more,
    }


def _vectors(space: EmbeddingSpace | None, labels: list[str]) -> dict[str, Any]:
    config = {"vector.dimensions": space.dimension if space else 0, "vector.similarity_function": "COSINE"}
    return _ready(VECTORS, "VECTOR", labels, ["embedding"], options={"indexConfig": config})


def _texts(labels: list[str]) -> dict[str, Any]:
    return _ready(TEXTS, "FULLTEXT", labels, ["name", "text"], options={"indexConfig": {}})


def _index(each: Declared) -> dict[str, Any]:
    row = _ready(each.name, "RANGE", [each.label], list(each.properties), options={})
    owner = each.name if each.unique else None
    return {**row, "entityType": "RELATIONSHIP" if each.of_relationships else "NODE", "owningConstraint": owner}


def _named(each: NamedIndex) -> dict[str, Any]:
    kind = "RANGE" if each.unique else each.index.upper()
    config: dict[str, Any] = {}
    if each.index == "vector":
        config = {"vector.dimensions": each.dimension, "vector.similarity_function": each.similarity.upper()}
    row = _ready(each.name, kind, list(each.about), list(each.properties), options={"indexConfig": config})
    owner = each.name if each.unique else None
    return {**row, "entityType": "RELATIONSHIP" if each.to else "NODE", "owningConstraint": owner}


_OF_CONSTRAINTS = {
    "unique": ("UNIQUENESS", "RELATIONSHIP_UNIQUENESS"),
    "key": ("NODE_KEY", "RELATIONSHIP_KEY"),
    "required": ("NODE_PROPERTY_EXISTENCE", "RELATIONSHIP_PROPERTY_EXISTENCE"),
    "typed": ("NODE_PROPERTY_TYPE", "RELATIONSHIP_PROPERTY_TYPE"),
}


def _named_constraint(each: NamedIndex) -> dict[str, Any]:
    return {
        "name": each.name,
        "type": _OF_CONSTRAINTS[each.index][bool(each.to)],
        "entityType": "RELATIONSHIP" if each.to else "NODE",
        "labelsOrTypes": list(each.about),
        "properties": list(each.properties),
        "ownedIndex": each.name if each.unique else None,
        "propertyType": each.type.upper() if each.index == "typed" else None,
        "options": {},
    }


def _constraints(each: Declared) -> Iterable[dict[str, Any]]:
    entity = "RELATIONSHIP" if each.of_relationships else "NODE"
    row = {"entityType": entity, "labelsOrTypes": [each.label], "properties": list(each.properties), "options": {}}
    if each.unique:
        kind = "UNIQUENESS" if entity == "NODE" else "RELATIONSHIP_UNIQUENESS"
        yield {"name": each.name, "type": kind, "ownedIndex": each.name, **row}
    if each.required:
        name = f"required_{each.label}_{'_'.join(each.properties)}".lower()
        yield {"name": name, "type": f"{entity}_PROPERTY_EXISTENCE", **row}


def _procedure(each: Procedure) -> dict[str, Any]:
    signature = each.signature
    taken = ", ".join(f"{field.name} :: {field.type}" for field in signature.inputs)
    given = ", ".join(f"{field.name} :: {field.type}" for field in signature.outputs)
    return {
        "name": signature.name,
        "description": each.description,
        "mode": "WRITE" if signature.writes else "READ",
        "worksOnSystem": False,
        "signature": f"{signature.name}({taken}) :: ({given})",
        "argumentDescription": [_told(field) for field in signature.inputs],
        "returnDescription": [_told(field) for field in signature.outputs],
        "admin": False,
        "isDeprecated": False,
    }


def _told(field: Field) -> dict[str, Any]:
    return {"name": field.name, "type": str(field.type), "description": field.name, "isDeprecated": False}


def _function(each: FunctionSignature) -> dict[str, Any]:
    taken = ", ".join("|".join(sorted(names)) for names in each.parameters)
    return {
        "name": each.name,
        "category": "Aggregating" if each.aggregates else "Scalar",
        "description": f"Parameters: {taken}." if taken else "No parameters.",
        "signature": f"{each.name}({taken}) :: {each.result}",
        "isBuiltIn": True,
        "argumentDescription": [],
        "returnDescription": each.result,
        "aggregating": each.aggregates,
        "isDeprecated": False,
    }
