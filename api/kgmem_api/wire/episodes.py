"""Episodes on the wire."""

from typing import Annotated, Any, Required

from pydantic import BaseModel, Field, ValidationInfo
from typing_extensions import TypedDict

from kgmem.domain.graph.episode import Episode
from kgmem_api.wire.fields import STRICT, From, Key, Name, Properties, Scope, Text, Time, own_scope


class EpisodeStatement(TypedDict, total=False):
    """A text as it arrived, with when, where from and by whom."""

    __pydantic_config__ = STRICT  # type: ignore[misc]  # pydantic's way to configure a TypedDict

    text: Required[Annotated[Text, Field(min_length=1)]]
    key: Annotated[Key, Field(description="Left out: made from what the episode says.")] | None
    occurred_at: Time | None
    source: Key | None
    session: Key | None
    speaker: Name | None
    title: Name | None
    mentions: Annotated[list[Key], Field(max_length=1000, description="Keys of entities.")]
    properties: Properties
    scope: Scope | None
    extract: Annotated[bool, Field(description="Read it for entities, facts, times, places, causes.")]


def _episode(stated: dict[str, Any], info: ValidationInfo) -> Episode:
    stated["scope"] = own_scope(stated.get("scope"), info)
    return Episode(**stated)


EpisodeItem = Annotated[Episode, From(EpisodeStatement, _episode)]


class EpisodeBatch(BaseModel):
    """Episodes to store in one transaction."""

    model_config = STRICT

    episodes: list[EpisodeItem]


def episode_out(episode: Episode) -> dict[str, Any]:
    """Give an episode as answers carry it: what has no value is left out."""
    shape: dict[str, Any] = {
        "key": episode.key,
        "text": episode.text,
        "occurred_at": episode.occurred_at,
        "source": episode.source,
        "session": episode.session,
        "speaker": episode.speaker,
        "title": episode.title,
        "mentions": list(episode.mentions),
        "properties": dict(episode.properties),
        "scope": episode.scope or None,
        "version": episode.version,
        "id": episode.id,
        "known_from": episode.known_from,
    }
    return {name: value for name, value in shape.items() if value is not None}
