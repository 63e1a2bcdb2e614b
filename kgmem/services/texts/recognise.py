"""Recognize: which entities of a graph texts mean; what is not sure becomes a new entity and a pair for review."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.text.names import UNNAMED, Mention, chosen, has_type, new_key
from kgmem.domain.text.resolution import Candidate, Described, pair
from kgmem.services.ports import Ports
from kgmem.services.texts import merge as merging
from kgmem.services.texts import resolve as resolving

# Only names of these are compared with others; what is a phrase of a text ("heavy rain") is known by its words alone.
_NAMED: Final = frozenset({"Person", "Organization", "Place", "Object", "Document"})
_COMPARED: Final = 8  # Held entities that a name is compared with; of a name alone, those are the ones most like it.


@dataclass(slots=True)
class Recognized:
    """The entities of one scope by the keys that mentions may have, and what comparing names found beside them."""

    scope: str
    schema: GraphSchema
    held: dict[str, str]  # Labels by key.
    same: dict[Mention, str] = field(default_factory=dict)
    doubtful: dict[Mention, Candidate] = field(default_factory=dict)  # Its other end is the entity that it may be.
    typed: dict[str, str] = field(default_factory=dict)  # Labels by key of what texts only spoke of until now.

    def keys(self, mentions: Sequence[Mention]) -> tuple[dict[str, str], dict[Mention, str]]:
        """Return the keys of mentions by name, and of those that are new; these are known from now on."""
        keys, new = {}, {}
        for mention in mentions:
            known = chosen(mention, self.held, self.schema)
            key = known.key if known else self.same.get(mention)
            if known and known.label == UNNAMED and has_type(mention.label, self.schema):
                self.typed[known.key] = self.held[known.key] = mention.label
            if key is None:
                key = new[mention] = new_key(mention, self.held)
                self.held[key] = mention.label
            keys[mention.name] = key
        return keys, new

    def meant(self, mention: Mention) -> str:
        """Return the key of what a text only says of that it holds no more; its name where nothing is known of it."""
        known = chosen(mention, self.held, self.schema)
        return known.key if known else self.same.get(mention) or mention.name


async def recognize(
    ports: Ports, graph: str, scope: str, mentions: Sequence[Mention], schema: GraphSchema
) -> Recognized:
    """Look mentions up: by key, and what has no key of its own by names, aliases and types."""
    told = Recognized(scope, schema, dict(await ports.extractions.held(graph, scope, mentions)))
    unknown = [
        each for each in dict.fromkeys(mentions) if each.label in _NAMED and chosen(each, told.held, schema) is None
    ]
    for at in range(0, len(unknown), resolving.MOST_DESCRIBED):
        part = unknown[at : at + resolving.MOST_DESCRIBED]
        described = [Described((each.name, *each.aliases), each.label) for each in part]
        answers = await resolving.resolve(ports, graph, described, scope, compared=_COMPARED)
        for each, found in zip(part, answers, strict=True):
            if found.key is not None:
                told.same[each] = found.key
            elif found.candidates:
                best = found.candidates[0]
                similarity = best.similarity
                told.doubtful[each] = Candidate(
                    each.name, best.key, similarity.evidence, similarity.parts, similarity.vetoed, scope
                )
    return told


async def propose(ports: Ports, graph: str, told: Recognized, new: Mapping[Mention, str]) -> None:
    """Put new entities that may be known ones on the review list."""
    pairs: dict[tuple[str, str], Candidate] = {}
    for mention, key in new.items():
        doubt = told.doubtful.get(mention)
        if doubt is not None and doubt.other != key:
            ends = pair(key, doubt.other)
            pairs[ends] = Candidate(*ends, doubt.evidence, doubt.parts, doubt.vetoed, told.scope)
    own = await resolving.of_scope(ports, graph, pairs, told.scope)
    if own:
        await merging.propose(ports, graph, own, told.scope)
