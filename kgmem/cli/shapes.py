"""The JSON of `--json`: the shapes of REST, with absent fields as null."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel

from kgmem.domain.access import Key
from kgmem.domain.claims.claim import StoredFact
from kgmem.domain.derived.communities import Community
from kgmem.domain.derived.summaries import Summary
from kgmem.domain.graph.graph import Graph
from kgmem.domain.imports import Import
from kgmem.services.claims.why import Explanation
from kgmem_api.wire.claims import AdjudicationSummary, ClaimShape, Fact, FactExplanation, fact_out, why_out
from kgmem_api.wire.graphs import graph_out
from kgmem_api.wire.imports import import_out


def graph_shape(graph: Graph) -> dict[str, Any]:
    """Return a graph as `GET /v1/graphs/{graph}` shows it."""
    return graph_out(graph)


def key_shape(key: Key) -> dict[str, Any]:
    """Return an API key as `GET /v1/keys` shows it."""
    left_out = {"grants", "granted", "widens", "generation", "limit"}
    told = {name: value for name, value in asdict(key).items() if name not in left_out}
    limit = key.limit
    numbers = {"requests_per_minute": limit.per_minute if limit else None, "burst": limit.burst if limit else None}
    return {**told, **numbers, "scope": key.scope or None}


def community_shape(community: Community, summary: Summary | None) -> dict[str, Any]:
    """Return a community as `GET /v1/graphs/{graph}/communities/{id}` shows it."""
    return {**asdict(community), "summary": asdict(summary) if summary else None}


def import_shape(held: Import) -> dict[str, Any]:
    """Return an import as `GET /v1/graphs/{graph}/imports/{id}` shows it."""
    return import_out(held)


def fact_shape(fact: StoredFact) -> dict[str, Any]:
    """Return a fact as `GET /v1/graphs/{graph}/facts` shows it, with every field."""
    return _decided(_whole(fact_out(fact), Fact))


def why_shape(why: Explanation) -> dict[str, Any]:
    """Return a fact as `GET /v1/graphs/{graph}/facts/{id}` shows it, with every field."""
    shape = _decided(_whole(why_out(why, whole=True), FactExplanation))
    shape["claims"] = {side: [_whole(each, ClaimShape) for each in claims] for side, claims in shape["claims"].items()}
    shape["echoes"] = [_whole(each, ClaimShape) for each in shape["echoes"]]
    return shape


def _decided(shape: dict[str, Any]) -> dict[str, Any]:
    if shape["adjudication"] is not None:
        shape["adjudication"] = _whole(shape["adjudication"], AdjudicationSummary)
    return shape


def _whole(shape: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Return a shape with all fields of its model."""
    names = [field.serialization_alias or field.alias or name for name, field in model.model_fields.items()]
    return {**dict.fromkeys(names), **shape}
