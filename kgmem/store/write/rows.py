"""What the index keeps of a vertex, made of nothing but its stored properties, so that it can be made again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import LONGEST_LABEL
from kgmem.domain.graph.episode import PASSAGE_CHARACTERS, Passage, passages
from kgmem.domain.space.place import Place
from kgmem.domain.time.interval import ALWAYS, Interval, valid_interval
from kgmem.store.graph.labels import NO_LABEL, borne, is_left
from kgmem.store.graph.records import entity_body, place_of


@dataclass(frozen=True, slots=True)
class VertexRow:
    """What the index keeps of a vertex, made of its stored properties."""

    valid: Interval
    place: Place | None
    labels: Sequence[str] | None
    passages: Sequence[Passage]


def entity_row(stored: Mapping[str, Any]) -> VertexRow:
    """Give the row of an entity: searched by its names and text."""
    body = entity_body(stored)
    return VertexRow(
        valid=valid_of(stored.get("valid_from"), stored.get("valid_to")),
        place=place_of(stored),
        labels=index_labels(stored.get("labels")),
        passages=[Passage(0, 0, body)] if 0 < len(body) <= PASSAGE_CHARACTERS else list(passages(body)),
    )


def index_labels(stored: Any) -> Sequence[str] | None:
    """Return the stored labels of a node as the index keeps them; see store/graph/labels.py."""
    if not isinstance(stored, list):
        return None
    if not is_left(stored):
        return [label for label in stored if is_name(label)] or None
    main, *further = borne(NO_LABEL, stored)
    return [*stored[:1], main if is_name(main) else NO_LABEL, *filter(is_name, further)]


def is_name(value: Any) -> bool:
    """Say whether a stored value can name a label; another client may have written anything."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_LABEL and "\x1f" not in value


def episode_row(stored: Mapping[str, Any]) -> VertexRow:
    """Give the row of an episode: its passages, each headed by title or speaker; valid when it occurred."""
    occurred = stored.get("occurred_at")
    title, speaker = stored.get("title"), stored.get("speaker")
    text = str(stored.get("text", ""))
    head = f"{title}\n" if title else f"{speaker}: " if speaker else ""
    cut = [Passage(p.ordinal, p.start, head + p.body) for p in passages(text)]
    return VertexRow(valid_of(occurred, occurred), None, index_labels(stored.get("labels")), cut)


def fraction_of(value: Any) -> float | None:
    """Give a stored strength or confidence as the index holds it, within 0 and 1; others may have written anything."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(min(max(value, 0), 1)) if is_number and not math.isnan(value) else None


def valid_of(valid_from: Any, valid_to: Any) -> Interval:
    """Give the interval of stored times; always, where another client wrote what is none."""
    if valid_from is None and valid_to is None:
        return ALWAYS
    try:
        return valid_interval(valid_from, valid_to)
    except (InvalidInput, AttributeError, TypeError):
        return ALWAYS
