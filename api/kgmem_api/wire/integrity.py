"""The wire models of integrity checks."""

from typing import Annotated

from pydantic import BaseModel, Field

from kgmem.domain.integrity import IntegrityReport
from kgmem_api.wire.fields import STRICT
from kgmem_api.wire.shapes import copied, many, shape


class IntegrityCheckRequest(BaseModel):
    """What an integrity check may change: nothing unless `repair` is set."""

    model_config = STRICT

    repair: Annotated[bool, Field(description="Repair what can be derived from what is not damaged.")] = False


IntegrityReportOut = copied(
    IntegrityReport,
    "IntegrityReportOut",
    "What one check found: damage that is left, damage that was repaired, and what could not be checked and why.",
    graph="Null for the database as a whole.",
)


IntegrityReportList = shape(
    "IntegrityReportList",
    "The newest reports, oldest first.",
    reports=many(IntegrityReportOut),
)
