"""The OpenAPI document: what FastAPI knows of the routes, and the bodies, rights and problems that it does not see."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from kgmem_api.access import Demand
from kgmem_api.bodies import JSONBody
from kgmem_api.wire.answers import Problem
from kgmem_api.wire.query_api import QueryProblem

_PLACE = "#/components/schemas/{model}"
_DESCRIPTION = """The REST door of kgmem, a knowledge-memory server.

Send `Authorization: Bearer KEY`. Times are ISO 8601 (a year or a month is an interval), places are GeoJSON, errors
are problem+json (RFC 9457). A key bound to a graph or to a scope sees nothing of another. Unknown fields and unknown
parameters are refused. Bodies may be gzip. Every answer has an X-Request-ID."""


def document(app: FastAPI) -> dict[str, Any]:
    """Give the OpenAPI document of an app."""
    whole = get_openapi(title="kgmem", version="v1", description=_DESCRIPTION, routes=app.routes)
    schemas = whole.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    whole["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    _defined(TypeAdapter(Problem), schemas)
    _defined(TypeAdapter(QueryProblem), schemas)
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _complete(whole["paths"][route.path_format][method.lower()], route, schemas)
    whole["components"]["schemas"] = dict(sorted(schemas.items()))
    return whole


def dependencies(dependant: Dependant) -> Iterator[Any]:
    """Give all that a route depends on, however deep."""
    for inner in dependant.dependencies:
        yield inner.call
        yield from dependencies(inner)


def _complete(operation: dict[str, Any], route: APIRoute, schemas: dict[str, Any]) -> None:
    """Add body, right and problems to one operation."""
    operation["operationId"] = route.name
    operation["responses"].pop("422", None)
    model = QueryProblem.__name__ if route.path_format.startswith("/db/") else Problem.__name__
    problem = {"application/problem+json": {"schema": {"$ref": _PLACE.format(model=model)}}}
    operation["responses"]["default"] = {"description": "A problem (RFC 9457).", "content": problem}
    for needed in dependencies(route.dependant):
        if isinstance(needed, Demand):
            operation["security"] = [{"key": []}]
            whole = ", of no scope" if needed.whole or needed.right == "admin" else ""
            told = f"Needs a key that may {needed.right}{whole}."
            operation["description"] = f"{operation.get('description', '')}\n\n{told}".strip()
        if isinstance(needed, JSONBody):
            schema = _defined(needed.parser.adapter, schemas)
            content = {"application/json": {"schema": schema}}
            operation["requestBody"] = {"required": not needed.optional, "content": content}


def _defined(adapter: TypeAdapter[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Give an adapter's JSON Schema; what it defines goes to the document's schemas."""
    schema = adapter.json_schema(ref_template=_PLACE)
    schemas.update(schema.pop("$defs", {}))
    title = schema.get("title")
    if not title:
        return schema
    schemas[title] = schema
    return {"$ref": _PLACE.format(model=title)}
