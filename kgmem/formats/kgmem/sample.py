"""The sample that comes with kgmem: a folder of JSON Lines, one file for each kind of record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.schema.schema import to_mapping
from kgmem.formats.kgmem.jsonl import read
from kgmem.formats.records import AnyRecord, Kind, ReadOptions, Rejected
from kgmem.formats.toml_schema import read_schema


@dataclass(frozen=True, slots=True)
class Sample:
    """All that a sample graph holds, and its schema as a graph takes it."""

    schema: Mapping[str, Any]
    sources: Sequence[Source]
    entities: Sequence[Entity]
    relationships: Sequence[Relationship]
    episodes: Sequence[Episode]


def read_sample(folder: Path, schema: Path) -> Sample:
    """Return the sample of a folder and a schema file. Raises NotFound where it is not what kgmem came with."""
    return Sample(
        to_mapping(read_schema(schema)),
        cast("list[Source]", _read(folder / "sources.jsonl", "source")),
        cast("list[Entity]", _read(folder / "entities.jsonl", "entity")),
        cast("list[Relationship]", _read(folder / "relationships.jsonl", "relationship")),
        cast("list[Episode]", _read(folder / "episodes.jsonl", "episode")),
    )


def _read(path: Path, kind: Kind) -> list[AnyRecord]:
    """Return the records of one file; it comes with kgmem, so a flaw in it is a flaw of ours."""
    found: list[AnyRecord] = []
    with path.open("rb") as stream:
        for each in read(stream, ReadOptions(kind=kind)):
            if isinstance(each, Rejected):
                raise NotFound(f"{path.name}, line {each.line}: {each.reason}", hint="Install kgmem again.")
            found.append(each.record)
    return found
