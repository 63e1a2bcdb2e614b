"""What the rules need to know of a language beside its parse: pronouns, denials, and wordings of known kinds."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The closed classes of a language, all in lower case.

    `wordings` leads from the lemma of a verb or predicate and the preposition behind it ("" for a direct object) to
    the English wording of the same relation, so that texts of all languages state the same kinds. `endings` leads from
    a verb and its preposition to the kinds that it ends.
    """

    name: str
    install: str  # The command that installs a model.
    packages: tuple[str, ...]  # Of its models, the preferred first; each has a function `load`.
    speaker: frozenset[str]
    listener: frozenset[str]
    he: frozenset[str]
    she: frozenset[str]
    they: frozenset[str]
    own: Mapping[str, str]  # From a possessive to "speaker", "one" or "many": who owns.
    relative: frozenset[str]
    denials: frozenset[str]
    doubts: frozenset[str]  # Adverbs.
    conditions: frozenset[str]
    embedding: frozenset[str]  # Verbs under which nothing is so yet: "veut venir".
    reporting: frozenset[str]
    kin: Mapping[str, str]  # "frère": "brother".
    wordings: Mapping[tuple[str, str], str]
    endings: Mapping[tuple[str, str], tuple[str, ...]]
    contractions: Mapping[str, str]  # "au": "à".
    months: Mapping[str, str]
    days: Mapping[str, str]
    articles: frozenset[str]
    infinitive: str  # What makes the base form of the most frequent class of verbs from a finite form.
    takes_place: frozenset[tuple[str, str]]  # A verb with its object: "avoir lieu".
    within: frozenset[str]
    former: frozenset[str]
    times: frozenset[str]  # Nouns of times that name no date.
