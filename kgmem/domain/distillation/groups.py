"""Which texts belong together: those of a session in their order, and others by what they mention, say and when.

Texts are linked by entities, communities and words that they share, the more the nearer in time; the communities of
these links are the groups. A group is so small that a few sentences can stand for it.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

from kgmem.domain.distillation.material import Original
from kgmem.domain.recall.selection import content
from kgmem.domain.time.interval import DAY, parse_time

MOST_TEXTS: Final = 20  # Of a group; as many origins as an episode may name.
MOST_TOKENS: Final = 2400
_MOST_COMMON: Final = 40  # Texts that share a word or an entity which still links them.
_NEIGHBOURS: Final = 12  # Links that a text keeps, the strongest.
_LEAST: Final = 0.15  # Weight of a link.
_FADES: Final = 30 * DAY  # Time apart by which a link has half its weight.
_TOPIC_SHARED: Final = 0.08  # Content that neighbouring parts of a session share at the least, within one topic.
Communities = Callable[[Sequence[tuple[int, int, float]]], Iterable[Sequence[int]]]


def grouped(originals: Sequence[Original], communities: Communities) -> list[list[Original]]:
    """Return groups of texts, each in the order of time, the oldest group first.

    `communities` takes weighted links between places and returns the communities of these.
    """
    sessions: dict[str, list[Original]] = defaultdict(list)
    for each in _in_order(originals):
        sessions[each.session or ""].append(each)
    loose = sessions.pop("", [])
    groups = [part for session in sessions.values() for part in _by_topic(session)]
    groups += _by_links(loose, communities)
    return sorted((group for each in groups for group in _parted(each)), key=lambda group: _order(group[0]))


def _in_order(originals: Iterable[Original]) -> list[Original]:
    return sorted(originals, key=_order)


def _order(each: Original) -> tuple[int, int]:
    return (moment(each.time), each.id)


def moment(time: str) -> int:
    """Return where a time begins, in microseconds since 1970."""
    return parse_time(time).start or 0


def _by_topic(session: Sequence[Original]) -> list[list[Original]]:
    """Return the parts of a session, cut where a full part is followed by other words."""
    parts: list[list[Original]] = [[session[0]]]
    for before, each in pairwise(session):
        part = parts[-1]
        full = len(part) >= MOST_TEXTS // 2 or sum(one.tokens for one in part) > MOST_TOKENS // 2
        if full and _shared(content(before.text), content(each.text)) < _TOPIC_SHARED:
            parts.append([each])
        else:
            part.append(each)
    return parts


def _by_links(originals: Sequence[Original], communities: Communities) -> list[list[Original]]:
    """Return the communities of texts that stand for themselves; what nothing links is grouped by time."""
    links = _links(originals)
    groups = [[originals[at] for at in sorted(each)] for each in communities(links)] if links else []
    linked = {each.id for group in groups for each in group}
    return [*groups, *([rest] if (rest := [each for each in originals if each.id not in linked]) else [])]


def _links(originals: Sequence[Original]) -> list[tuple[int, int, float]]:
    """Return the strongest links of each text to later ones (places, weight)."""
    words = [content(each.text) for each in originals]
    features = [
        {
            *(f"w{word}" for word in words[at]),
            *(f"e{key}" for key in each.mentions),
            *(f"c{topic}" for topic in each.topics),
        }
        for at, each in enumerate(originals)
    ]
    having: dict[str, list[int]] = defaultdict(list)
    for at, own in enumerate(features):
        for feature in own:
            having[feature].append(at)
    times = [moment(each.time) for each in originals]
    weights: Counter[tuple[int, int]] = Counter()
    for feature, places in having.items():
        if len(places) > _MOST_COMMON and feature[0] == "w":
            continue
        worth = math.log1p(len(originals) / len(places)) * (2.0 if feature[0] in "ec" else 1.0)
        for at, one in enumerate(places):  # Of what many mention, the next ones in time.
            for other in places[at + 1 : at + 1 + _MOST_COMMON]:
                weights[one, other] += worth  # type: ignore[assignment]  # A Counter counts in floats, too.
    scaled: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for (one, other), weight in weights.items():
        size = math.sqrt((1 + len(features[one])) * (1 + len(features[other])))
        near = 2 ** (-abs(times[one] - times[other]) / _FADES)
        if (told := weight / size * (0.5 + 0.5 * near)) >= _LEAST:
            scaled[one].append((told, other))
    return [
        (one, other, round(weight, 6))
        for one, found in sorted(scaled.items())
        for weight, other in sorted(found, key=lambda each: (-each[0], each[1]))[:_NEIGHBOURS]
    ]


def _parted(group: Sequence[Original]) -> list[list[Original]]:
    """Return parts of a group that are small enough, of about equal sizes, in the order of time."""
    ordered = _in_order(group)
    tokens = sum(each.tokens for each in ordered)
    parts = max(math.ceil(len(ordered) / MOST_TEXTS), math.ceil(tokens / MOST_TOKENS))
    if parts <= 1:
        return [ordered]
    most, found = tokens / parts, [[ordered[0]]]
    for each in ordered[1:]:
        size = sum(one.tokens for one in found[-1])
        if (
            len(found[-1]) >= MOST_TEXTS
            or (size + each.tokens / 2 > most and len(found) < parts + 1)
            or size > MOST_TOKENS
        ):
            found.append([each])
        else:
            found[-1].append(each)
    return found


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    least = min(len(one), len(other))
    return len(one & other) / least if least else 1.0
