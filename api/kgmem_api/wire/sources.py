"""Sources on the wire."""

from typing import Annotated

from pydantic import BaseModel

from kgmem.domain.claims.source import Source
from kgmem_api.wire.fields import STRICT
from kgmem_api.wire.shapes import answer, many, shape, shown, stated, statement_of

SourceEntry = statement_of(Source, "SourceEntry", "An entry of a graph's registry of sources.")
SourceItem = Annotated[Source, stated(Source, SourceEntry)]


class SourceBatch(BaseModel):
    """Entries of the registry to write in one transaction."""

    model_config = STRICT

    sources: list[SourceItem]


SourceOut = answer(Source, "SourceOut", "A registered source; what has no value is left out.")
SourceList = shape(
    "SourceList",
    "All registered sources of a graph.",
    sources=many(SourceOut),
)
source_out = shown(Source)
