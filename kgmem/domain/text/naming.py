"""Names of things that texts mention: what makes one worth an entity, and which keys it may be held under."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from kgmem.domain.schema.schema import GraphSchema

UNNAMED: Final = "Concept"  # The label of what a text speaks of and does not name.
LONGEST: Final = 120  # Characters of a name; what is longer is no name.
_MOST_WORDS: Final = 10
# What texts call things that are no entity of their own.
_NO_NAMES: Final = frozenset(
    """i you he she it we they me him her us them who whom which what that this these those one ones some any all both
    none each other others another something anything nothing everything someone anyone everyone somebody nobody
    there here thing things way ways time times lot lots kind kinds sort sorts bit part parts people person man woman
    day days week weeks month months year years today yesterday tomorrow place places""".split()  # noqa: SIM905
)
_WORD: Final = re.compile(r"\w+")
# Types of which a thing has one; a label of none of them may turn out to be any.
_TYPES: Final = {"Person": 1, "Organization": 2, "Place": 3, "Event": 4, "Object": 4, "Document": 4}


@dataclass(frozen=True, slots=True)
class Mention:
    """A thing as a text names it."""

    name: str
    label: str
    aliases: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """An entity that a scope sees: its key and its label."""

    key: str
    label: str


class Resolver(Protocol):
    """Says which known entity a mention means."""

    async def resolve(self, graph: str, scope: str, mentions: Sequence[Mention]) -> Mapping[Mention, Known]:
        """Return the known entity of each mention that has one; those that are new are missing."""


def is_name(text: str) -> bool:
    """Say whether a phrase may name an entity: with letters, not too long, on one line, no pronoun, no bare number."""
    words = _WORD.findall(text)
    if any(unicodedata.category(sign) == "Cc" for sign in text):  # No key may have one.
        return False
    if not words or len(text) > LONGEST or len(words) > _MOST_WORDS or not any(letter.isalpha() for letter in text):
        return False
    return any(word.lower() not in _NO_NAMES and not word.isdigit() and len(word) > 1 for word in words)


def slug(name: str) -> str:
    """Return a name as lower-case words joined by hyphens, without accents: "Neil Armstrong" is neil-armstrong."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "-".join(_WORD.findall("".join(each for each in plain if not unicodedata.combining(each))))


def keys_of(mention: Mention) -> list[str]:
    """Return the keys under which a mentioned thing may be held, the likeliest first."""
    keys = []
    for name in (mention.name, *mention.aliases):
        first = name[:1].upper() + name[1:]  # As it stands at the beginning of a sentence.
        keys += [name, apart(name, mention.label), first, name.title(), name.upper(), name.lower(), slug(name)]
    return list(dict.fromkeys(key for key in keys if key))


def apart(name: str, label: str) -> str:
    """Return the key of a thing whose plain name is that of a thing of another type."""
    return f"{name} ({label})"


def chosen(mention: Mention, held: Mapping[str, str], schema: GraphSchema) -> Known | None:
    """Return the first of held entities (label by key) that a mention can mean: of its type, or of no certain type."""
    for key in keys_of(mention):
        if key in held and fits(mention.label, held[key], schema):
            return Known(key, held[key])
    return None


def fits(label: str, held: str, schema: GraphSchema) -> bool:
    """Say whether what a text takes for one label may be a thing that is held under another."""
    one, other = _type(label, schema), _type(held, schema)
    return one is None or other is None or one == other


def has_type(label: str, schema: GraphSchema) -> bool:
    """Say whether a label tells what a thing is, so that it is nothing of another type."""
    return _type(label, schema) is not None


def _type(label: str, schema: GraphSchema) -> int | None:
    return next((_TYPES[each] for each in schema.line(label) if each in _TYPES), None)


def new_key(mention: Mention, held: Mapping[str, str]) -> str:
    """Return the key of a mention that means nothing held: its name, told apart where another type has that."""
    taken = mention.name in held
    return apart(mention.name, mention.label) if taken else mention.name
