"""Names in texts: keys and labels of entities, and the kinds of relationships that predicates stand for."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from kgmem.domain.graph.relationship import kind_in_words
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
_LONG_NUMBER: Final = 7  # Digits.
_GROUPED: Final = re.compile(r"\d{1,3}(?:[,.' ]\d{3})*(?:[.,]\d+)?|\d{4}-\d\d-\d\d(?:[T ].*)?")
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
    """Finds the known entity that a mention means."""

    async def resolve(self, graph: str, scope: str, mentions: Sequence[Mention]) -> Mapping[Mention, Known]:
        """Return the known entity of each mention that has one; those that are new are missing."""


def is_name(text: str) -> bool:
    """Return whether a phrase may name an entity.

    It has letters or is a long number, has one line, and is no pronoun and not too long.
    """
    words = _WORD.findall(text)
    if any(unicodedata.category(sign) == "Cc" for sign in text):  # No key may have one.
        return False
    if not words or len(text) > LONGEST or len(words) > _MOST_WORDS:
        return False
    if not any(letter.isalpha() for letter in text):
        # The number of a telephone or an account is a name; an amount or a year is none.
        return sum(letter.isdigit() for letter in text) >= _LONG_NUMBER and not _GROUPED.fullmatch(text)
    return any(word.lower() not in _NO_NAMES and not word.isdigit() and len(word) > 1 for word in words)


def slug(name: str) -> str:
    """Return a name as lower-case words joined by hyphens, without accents: "Neil Armstrong" is neil-armstrong."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "-".join(_WORD.findall("".join(each for each in plain if not unicodedata.combining(each))))


def keys_of(mention: Mention) -> list[str]:
    """Return the keys that the entity of a mention may have, the most likely first."""
    keys = []
    for name in (mention.name, *mention.aliases):
        first = name[:1].upper() + name[1:]  # As it stands at the beginning of a sentence.
        keys += [name, apart(name, mention.label), first, name.title(), name.upper(), name.lower(), slug(name)]
    return list(dict.fromkeys(key for key in keys if key))


def apart(name: str, label: str) -> str:
    """Return the key of a thing whose plain name is that of a thing of another type."""
    return f"{name} ({label})"


def chosen(mention: Mention, held: Mapping[str, str], schema: GraphSchema) -> Known | None:
    """Return the first existing entity (label by key) that a mention can mean: of its type, or of no certain type."""
    for key in keys_of(mention):
        if key in held and fits(mention.label, held[key], schema):
            return Known(key, held[key])
    return None


def fits(label: str, held: str, schema: GraphSchema) -> bool:
    """Return whether what a text takes for one label may be a thing that is stored under another."""
    one, other = _type(label, schema), _type(held, schema)
    return one is None or other is None or one == other


def has_type(label: str, schema: GraphSchema) -> bool:
    """Return whether a label tells what a thing is, so that it is nothing of another type."""
    return _type(label, schema) is not None


def _type(label: str, schema: GraphSchema) -> int | None:
    return next((_TYPES[each] for each in schema.line(label) if each in _TYPES), None)


def new_key(mention: Mention, held: Mapping[str, str]) -> str:
    """Return the key of a mention of a new entity: its name, with its type where an entity of another type has that."""
    taken = mention.name in held
    return apart(mention.name, mention.label) if taken else mention.name


_HEAD: Final = "president|director|head|leader|chair|chairman|chairwoman|chairperson|mayor|king|queen|emperor|ceo|chief"
_CHILD: Final = "son|daughter|child|only child|only son|only daughter|eldest son|eldest daughter|eldest child"
_TOWN: Final = "city|town|village|municipality|commune|district|county|island|suburb|neighbourhood|neighborhood|capital"
# What leads from the predicate, without its auxiliaries, to a kind; a minus turns the relationship round.
_WORDINGS: Final[tuple[tuple[str, str], ...]] = (
    (r"(?:lives?|lived|living|resides?|resided|settled|moved|relocated|moving)(?: back)? (?:in|to|at)", "LIVES_IN"),
    (r"based in|(?:new )?home is in", "LIVES_IN"),
    (r"scheduled for", "SCHEDULED_FOR"),
    (r"takes? place in", "TAKES_PLACE_IN"),
    (r"(?:allergic|intolerant) (?:to|of)", "ALLERGIC_TO"),
    (r"avoids?|avoiding", "AVOIDS"),
    (r"likes?|loves?|enjoys?|adores?|liking|loving|enjoying|fond of|into", "LIKES"),
    (r"dislikes?|hates?|detests?|disliking|hating", "DISLIKES"),
    (r"prefers?|preferring", "PREFERS"),
    (r"uses?|using|used", "USES"),
    (r"speaks?|speaking", "SPEAKS"),
    (
        r"responsible for|in charge of|accountable for|(?:takes?|took|taking) care of|looks? after|looking after",
        "RESPONSIBLE_FOR",
    ),
    (r"wants answers in", "WANTS_ANSWERS_IN"),
    (r"dating|dates?|in a relationship with|together with|(?:girl|boy)friend of|partner of", "PARTNER_OF"),
    (r"engaged to", "ENGAGED_TO"),
    (r"friends with|(?:best |good |close )?friends? of", "FRIEND_OF"),
    (r"born (?:in|at)", "BORN_IN"),
    (r"died (?:in|at)", "DIED_IN"),
    (r"(?:started |starts |began |begins )?(?:works?|worked|working) (?:for|at)", "WORKS_FOR"),
    (r"(?:employed|hired) by|employee of", "WORKS_FOR"),
    (r"(?:stud(?:y|ied|ies|ying)|educated) at|attended|graduated from|alumn\w+ of|student (?:of|at)", "STUDIED_AT"),
    (r"(?:co-?)?founded|established|(?:co-?)?founder of", "FOUNDED"),
    (r"(?:co-?)?founded by|established by", "-FOUNDED"),
    (rf"(?:{_HEAD}) of|leads|led|manages|managed|heads|headed|chairs|chaired", "LEADS"),
    (r"led by|headed by", "-LEADS"),
    (r"owns?|owned|owning|owner of", "OWNS"),
    (r"owned by", "-OWNS"),
    (r"acquired|bought|purchased|took over", "ACQUIRED"),
    (r"(?:acquired|bought|purchased|taken over) by", "-ACQUIRED"),
    (r"marri(?:ed|es)(?: to)?|(?:first |second |third )?(?:wife|husband|spouse) of|wed", "MARRIED_TO"),
    (r"(?:father|mother|parent) of", "PARENT_OF"),
    (rf"(?:{_CHILD}) of", "CHILD_OF"),
    (r"(?:older |younger |elder |twin )?(?:brother|sister|sibling)s? of", "SIBLING_OF"),
    (r"(?:co-)?wrote|author of|(?:co-)?writer of|authored", "WROTE"),
    (r"(?:co-)?written by|authored by", "-WROTE"),
    (r"(?:co-)?directed", "DIRECTOR_OF"),
    (r"(?:co-)?directed by|directed and written by|written and directed by", "-DIRECTOR_OF"),
    (r"(?:co-)?produced|producer of", "PRODUCED"),
    (r"(?:co-)?produced by", "-PRODUCED"),
    (r"composed|composer of", "COMPOSED"),
    (r"composed by|music by", "-COMPOSED"),
    (r"starred in|appeared in|stars in|acted in|played in", "PLAYED_IN"),
    (r"starring|stars|starred", "-PLAYED_IN"),
    (r"(?:plays?|played) for", "PLAYED_FOR"),
    (r"won|wins|awarded|received the", "WON"),
    (r"won by", "-WON"),
    (r"based on|adapted from", "BASED_ON"),
    (r"capital of|capital city of", "CAPITAL_OF"),
    (r"met(?: with)?", "MET"),
    (r"members? of|joined", "MEMBER_OF"),
    (r"part of|belongs to|belonged to", "PART_OF"),
    (r"(?:located|situated|lies|lying|headquartered) (?:in|within)|(?:" + _TOWN + r") (?:in|of)", "LOCATED_IN"),
)  # fmt: skip
_READERS: Final = tuple((re.compile(pattern), kind) for pattern, kind in _WORDINGS)
_AUXILIARY: Final = re.compile(
    r"^(?:(?:has|have|had|is|am|'m|'s|'re|was|are|were|be|been|being|became|becomes|got|to|also|later|then|currently|now)\s+)+"
)
_PAST: Final = re.compile(r"^(?:lived|worked|resided|owned|was|were|led|graduated|studied|attended)\b")
# What began a state that goes on: "was hired by", "was acquired by".
_BEGUN: Final = re.compile(r"^(?:hired|acquired|bought|purchased|taken over|married|engaged)\b")
# Kinds of what goes on holding until something ends it.
LASTING: Final = frozenset(
    """LIVES_IN WORKS_FOR LEADS OWNS MARRIED_TO MEMBER_OF PLAYED_FOR ACQUIRED STUDIED_AT SCHEDULED_FOR TAKES_PLACE_IN
    ALLERGIC_TO AVOIDS LIKES DISLIKES PREFERS USES SPEAKS RESPONSIBLE_FOR WANTS_ANSWERS_IN PARTNER_OF ENGAGED_TO
    FRIEND_OF""".split()  # noqa: SIM905
)


# Kinds that kgmem derives: what a text says in their words is no instance of them.
DERIVED: Final = frozenset({"CO_MENTIONED", "SIMILAR_TO"})

# The kinds of graph_schema/said.toml, which yield to what a graph declares.
SAID: Final = frozenset(
    """STATES CO_MENTIONED SIMILAR_TO DOES_NOT_CAUSE BORN_IN DIED_IN LIVES_IN WORKS_FOR STUDIED_AT FOUNDED LEADS OWNS
    ACQUIRED MARRIED_TO PARENT_OF CHILD_OF SIBLING_OF WROTE DIRECTOR_OF PRODUCED COMPOSED PLAYED_IN PLAYED_FOR WON
    BASED_ON CAPITAL_OF MET SCHEDULED_FOR TAKES_PLACE_IN ALLERGIC_TO AVOIDS LIKES DISLIKES PREFERS USES SPEAKS
    RESPONSIBLE_FOR WANTS_ANSWERS_IN PARTNER_OF ENGAGED_TO FRIEND_OF""".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The kind that a predicate means, whether it leads from the object to the subject, and how it holds in time."""

    kind: str
    reverse: bool = False
    lasting: bool = False  # It goes on holding after it began.
    over: bool = False  # The words say that it held before the text was written.


def meaning(predicate: str, kinds: Iterable[str] | Mapping[str, object]) -> Meaning | None:
    """Return what a predicate means among the kinds of a schema; None where it means none of them surely."""
    told = " ".join(predicate.lower().replace("- ", "-").split())
    bare = _AUXILIARY.sub("", told)
    known = kinds if isinstance(kinds, Mapping) else frozenset(kinds)
    for pattern, kind in _READERS:
        if pattern.fullmatch(bare) and kind.lstrip("-") in known:
            bare_kind = kind.lstrip("-")
            lasting = bare_kind in LASTING
            return Meaning(
                bare_kind,
                kind.startswith("-"),
                lasting,
                lasting and _PAST.match(told) is not None and _BEGUN.match(bare) is None,
            )
    return next((Meaning(kind) for kind in known if kind not in DERIVED and kind_in_words(kind) in (told, bare)), None)
