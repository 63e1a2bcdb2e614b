"""Communities of entities on the wire."""

from typing import Annotated

from pydantic import BaseModel, Field

from kgmem_api.wire.fields import STRICT, Scope
from kgmem_api.wire.summaries import SummaryOut


class GroupIn(BaseModel):
    """The scope whose communities shall be kept."""

    model_config = STRICT

    scope: Scope | None = None


class MemberOut(BaseModel):
    """An entity of a community."""

    key: str
    label: str
    name: str
    centrality: Annotated[float, Field(description="Its share of the links inside of the community.")]


class CommunityOut(BaseModel):
    """Entities that hang together."""

    id: int
    level: Annotated[int, Field(description="0 is the finest.")]
    parent: Annotated[int | None, Field(description="The community of the next level that holds it.")] = None
    size: int
    made_at: str
    members: Annotated[list[MemberOut], Field(description="The most central first; in listings at most five.")]
    scope: str
    summary: Annotated[SummaryOut | None, Field(description="Of one community, once it is made; not in listings.")] = (
        None
    )


class CommunityPage(BaseModel):
    """Communities, the finest level and the largest first."""

    communities: list[CommunityOut]
    cursor: str | None


class UngroupedOut(BaseModel):
    """How many communities went."""

    gone: int
