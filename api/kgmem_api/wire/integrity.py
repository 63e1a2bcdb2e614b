"""The wire models of integrity checks."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from kgmem_api.wire.fields import STRICT


class IntegrityCheckRequest(BaseModel):
    """What an integrity check may change: nothing unless `repair` is set."""

    model_config = STRICT

    repair: Annotated[bool, Field(description="Repair what can be derived from what is not damaged.")] = False


class DamageOut(BaseModel):
    """One kind of damage, with how often it was found, the first example, and how to fix it."""

    check: str
    state: Literal["warning", "problem"]
    what: str
    hint: str
    repairable: bool
    count: int
    example: str


class IntegrityReportOut(BaseModel):
    """What one check found: damage that is left, damage that was repaired, and what could not be checked and why."""

    graph: Annotated[str | None, Field(description="Null for the database as a whole.")]
    damages: list[DamageOut]
    checks: list[str]
    skipped: dict[str, str]
    repaired: list[DamageOut]
    seconds: float
    checked_at: str | None


class IntegrityReportList(BaseModel):
    """The newest reports, oldest first."""

    reports: list[IntegrityReportOut]
