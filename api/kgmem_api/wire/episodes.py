"""Episodes on the wire."""

from typing import Annotated

from pydantic import BaseModel

from kgmem.domain.graph.episode import Episode
from kgmem_api.wire.fields import STRICT
from kgmem_api.wire.shapes import CURSOR, answer, many, shape, shown, stated, statement_of

EpisodeStatement = statement_of(Episode, "EpisodeStatement", "A text as it arrived, with when, where from and by whom.")
EpisodeItem = Annotated[Episode, stated(Episode, EpisodeStatement)]


class EpisodeBatch(BaseModel):
    """Episodes to store in one transaction."""

    model_config = STRICT

    episodes: list[EpisodeItem]


EpisodeOut = answer(Episode, "EpisodeOut", "An episode as it is held; what has no value is left out.")
EpisodePage = shape(
    "EpisodePage",
    "A page of episodes; `cursor` continues it, null at its end.",
    episodes=many(EpisodeOut),
    cursor=CURSOR,
)
episode_out = shown(Episode)
