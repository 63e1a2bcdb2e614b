"""Sources on the wire."""

from typing import Annotated, Any, Required

from pydantic import BaseModel, Field, ValidationInfo
from typing_extensions import TypedDict

from kgmem.domain.claims.source import Source
from kgmem_api.wire.fields import STRICT, Fraction, From, Key, Name


class SourceEntry(TypedDict, total=False):
    """An entry of a graph's registry of sources."""

    __pydantic_config__ = STRICT  # type: ignore[misc]  # pydantic's way to configure a TypedDict

    key: Required[Key]
    name: Name | None
    kind: Name | None
    trust: Fraction
    note: Name | None
    parent: Annotated[Key | None, Field(description="The source whose outlet or mirror it is: both have one voice.")]
    domain: Name | None


def _source(stated: dict[str, Any], _info: ValidationInfo) -> Source:
    return Source(**stated)


class SourceBatch(BaseModel):
    """Entries of the registry to write in one transaction."""

    model_config = STRICT

    sources: list[Annotated[Source, From(SourceEntry, _source)]]


def source_out(source: Source) -> dict[str, Any]:
    """Give a source as answers carry it: what has no value is left out."""
    shape: dict[str, Any] = {
        "key": source.key,
        "name": source.name,
        "kind": source.kind,
        "trust": source.trust,
        "note": source.note,
    }
    shape |= {"parent": source.parent, "domain": source.domain}
    return {name: value for name, value in shape.items() if value is not None}
