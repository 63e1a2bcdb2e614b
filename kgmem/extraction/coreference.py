"""What a text is about, and who is meant by "I", "she", "its" and "the film".

The name in a text's title is one name wherever it stands. References are resolved only where the text leaves little
doubt.

"I" and "you" are speaker and listener. A pronoun of the third person is the subject that was named last in the same
paragraph and fits in kind; a person whom the text called "he" is not "she". "The film" is what the text calls a film.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from spacy.tokens import Doc, Span, Token

from kgmem.extraction.facts import Assertion, Phrase
from kgmem.extraction.repair import KIN
from kgmem.extraction.vocabulary import listed

_SPEAKER: Final = frozenset({"i", "me", "my", "mine", "myself"})
_LISTENER: Final = frozenset({"you", "your", "yours", "yourself"})
_HE: Final = frozenset({"he", "him", "his", "himself"})
_SHE: Final = frozenset({"she", "her", "hers", "herself"})
_IT: Final = frozenset({"it", "its", "itself"})
_THEY: Final = frozenset({"they", "them", "their", "theirs", "themselves"})
_GROUPS: Final = frozenset({"ORG", "NORP"})
_THINGS: Final = frozenset({"ORG", "GPE", "LOC", "FAC", "EVENT", "WORK_OF_ART", "PRODUCT", "LAW"})
_PLURAL: Final = frozenset({"are", "were", "have"})
_DEFINITE: Final = frozenset({"the", "this", "that"})
_SUBJECTS: Final = frozenset({"nsubj", "nsubjpass"})
# What "the ..." means the thing that a text is about, even where the text did not say so before.
_TOPICS: Final = listed(
    """film movie album song single journal magazine newspaper band group company organization organisation
        city town village county district municipality series show book novel story game school
        college university club team river lake island building bridge airport station award prize
        play opera ship network label party church event festival battle war species genus museum
        hospital park project"""
)
_VAGUE: Final = frozenset({"one", "part", "member", "type", "kind", "form", "group", "person", "people", "thing"})
# Of a title.
_PARTS: Final = re.compile(r"\w+|[^\w\s]")
_PERSONAL: Final = frozenset({"he", "she", "his", "her", "him", "who"})
_IMPERSONAL: Final = frozenset({"it", "its", "which"})
_LONGEST_PERSON: Final = 5  # Words of a person's name.


def trim_names(doc: Doc) -> None:
    """Take white space off the ends of names; where a bracket stood, the model takes it for a part of the name."""
    kept = []
    for ent in doc.ents:
        first, end = ent.start, ent.end
        while first < end and doc[first].is_space:
            first += 1
        while end > first and doc[end - 1].is_space:
            end -= 1
        if first < end:
            kept += [Span(doc, start, stop, label=ent.label) for start, stop in _members(doc, first, end)]
    doc.ents = tuple(kept)


def _members(doc: Doc, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Return the names of a list that the model takes for one name: "Foo and Bar" in "Acme, Foo and Bar"."""
    listed = first >= 2 and doc[first - 1].text == "," and doc[first - 2].pos_ == "PROPN"
    inner = any(word.text == "," for word in doc[first:end])
    if not (listed or inner) or not any(word.lower_ in {"and", "or"} for word in doc[first:end]):
        yield first, end
        return
    start = first
    for at in range(first, end + 1):
        if at == end or doc[at].text == "," or doc[at].lower_ in {"and", "or"}:
            if start < at:
                yield start, at
            start = at + 1


def mark_topic(doc: Doc, title: str | None) -> Span | None:
    """Mark a title's name in a text as an entity of its own, and give where it stands first; None where it does not.

    Its label is that which the model gave it, corrected by the pronouns of the text: what is "it" is no person.
    """
    parts = _PARTS.findall(title or "")
    if not parts:
        return None
    pattern = re.compile(r"(?<!\w)" + r"\s*".join(map(re.escape, parts)) + r"(?!\w)", re.IGNORECASE)
    spans = [doc.char_span(found.start(), found.end(), alignment_mode="expand") for found in pattern.finditer(doc.text)]
    found = [span for span in spans if span is not None]
    if not found:
        return None
    label = _label(doc, found[0])
    marked = _apart([Span(doc, span.start, span.end, label=label) for span in found])
    others = [ent for ent in doc.ents if not any(ent.start < span.end and span.start < ent.end for span in marked)]
    doc.ents = tuple(sorted([*marked, *others], key=lambda span: span.start))
    return marked[0]


def _apart(spans: Sequence[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in spans:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _label(doc: Doc, name: Span) -> str:
    within = [
        ent.label_ for ent in doc.ents if ent.start >= name.start and ent.end <= name.end and 2 * len(ent) >= len(name)
    ]
    label = within[0] if within and within[0] not in {"DATE", "CARDINAL", "ORDINAL"} else "WORK_OF_ART"
    people = sum(token.lower_ in _PERSONAL for token in doc)
    things = sum(token.lower_ in _IMPERSONAL for token in doc)
    if label == "PERSON":
        return "WORK_OF_ART" if things > people else label
    named = any(token.lower_ in {"he", "she"} for token in doc)
    return "PERSON" if people > things and named and name.start <= 3 and len(name) <= _LONGEST_PERSON else label


class Reference:
    """What the words of one text stand for."""

    def __init__(
        self, doc: Doc, *, speaker: str | None, listener: str | None, topic: Span | None, title: str | None
    ) -> None:
        """Take the text, who speaks to whom, and the span that names what it is about, where it does."""
        self._doc = doc
        self._speaker = speaker
        self._listener = listener
        self._title = title
        self._topic = topic
        self._last_word = title.split()[-1].lower() if title else ""
        self._topic_is_many = topic is not None and topic.root.head.lower_ in _PLURAL
        self._topic_is_person = topic is not None and topic.label_ == "PERSON"
        self._names = {token.i: span for span in doc.ents for token in span}
        self._classes: dict[str, str] = {}
        self._full: dict[str, str] = {}
        self._met = _subjects_in_order(doc, self._names, topic)
        self._gender: dict[str, str] = {}
        self._told: dict[int, str | None] = {}
        self._people = [span for span in doc.ents if span.label_ == "PERSON"]
        for person in self._people:
            words = person.text.split()
            if len(words) > 1:
                self._full.setdefault(words[-1], person.text)
                self._full.setdefault(words[0], person.text)
        for token in doc:
            if token.pos_ == "PRON" or token.tag_ == "PRP$":
                self._told[token.i] = self._pronoun(token)

    def remember(self, earlier: Iterable[tuple[str, str]]) -> None:
        """Take pronouns that this text leaves open for what was named before it (name, kind), the nearest last."""
        self._earlier = [each for each in earlier if each[0] not in {self._speaker, self._listener}]
        if not self._earlier:
            return
        for word, name in self._told.items():
            if name is None:
                self._told[word] = self._from_earlier(self._doc[word])

    def _from_earlier(self, token: Token) -> str | None:
        word = token.lower_
        if word in _HE or word in _SHE:
            gender = "he" if word in _HE else "she"
            people = [name for name, label in self._earlier if label == "PERSON"]
            found = next((name for name in reversed(people) if self._gender.get(name, gender) == gender), None)
            if found is not None:
                self._gender[found] = gender
            return found
        if word in _IT and token.dep_ != "expl":
            return next(
                (name for name, label in reversed(self._earlier) if label not in {"PERSON", "DATE", "TIME"}), None
            )
        return None

    def rename(self, short: str, name: str) -> None:
        """Take a short form for a name from now on: "(EU)" behind it."""
        self._full[short] = name

    def learn(self, found: Iterable[Assertion]) -> None:
        """Remember what things are called: after "X is a film", "the film" is X."""
        for each in found:
            if each.rule not in {"copula", "apposition", "title"} or each.object.head.pos_ != "NOUN":
                continue
            name = self.name(each.subject)
            lemma = each.object.head.lemma_.lower()
            if name is not None and self.is_named(each.subject) and lemma not in _VAGUE:
                self._classes.setdefault(lemma, name)

    def is_named(self, phrase: Phrase) -> bool:
        """Return whether a phrase is a name, or stands for one."""
        if phrase.head.i in self._told:
            return self._told[phrase.head.i] is not None
        words = phrase.head.doc[phrase.first : phrase.end]
        return any(word.pos_ == "PROPN" or word.ent_type_ not in {"", "DATE", "CARDINAL", "ORDINAL"} for word in words)

    def name(self, phrase: Phrase) -> str | None:
        """Return what a phrase is called; None for a pronoun of which nobody can say what it stands for."""
        head = phrase.head
        if head.i in self._told:
            return self._told[head.i] if phrase.end - phrase.first == 1 else phrase.text
        known = self._class(phrase)
        if known is not None:
            return known
        text = phrase.text
        return self._full.get(text, text) if " " not in text else text

    def stands_for(self, phrase: Phrase) -> bool:
        """Return whether a phrase is no name itself, but stands for one."""
        return phrase.head.i in self._told or self._class(phrase) is not None

    @property
    def full_names(self) -> Mapping[str, str]:
        """The full name of each short one."""
        return self._full

    @property
    def topic_phrase(self) -> Phrase | None:
        """Where the text names what it is about, if that is no person."""
        if self._topic is None or self._topic_is_person:
            return None
        return Phrase(self._topic.root, self._topic.start, self._topic.end)

    def _class(self, phrase: Phrase) -> str | None:
        """Return what "the film" is, where the text called something a film before."""
        head = phrase.head
        if head.pos_ != "NOUN" or head.i in self._names:
            return None
        definite = any(child.dep_ == "det" and child.lower_ in _DEFINITE for child in head.children)
        plain = not any(
            child.dep_ in {"prep", "relcl", "poss", "acl", "amod", "nummod", "compound"} for child in head.children
        )
        if not (definite and plain):
            return None
        known = self._classes.get(head.lemma_.lower())
        if (
            known is None
            and (head.lemma_.lower() in _TOPICS or head.lower_ == self._last_word)
            and not self._topic_is_person
            and self._title
        ):
            return self._title
        return known

    def _pronoun(self, token: Token) -> str | None:
        word = token.lower_
        if word in _SPEAKER or (word == "our" and token.head.lemma_.lower() in KIN):
            return self._speaker
        if word in _LISTENER:
            return self._listener
        if word in _HE or word in _SHE:
            return self._person(token, "he" if word in _HE else "she")
        if word in _THEY:
            return self._title if self._topic_is_many and self._title else self._thing(token, _GROUPS)
        return self._thing(token, _THINGS) if word in _IT and token.dep_ != "expl" else None

    def _person(self, token: Token, gender: str) -> str | None:
        own = _own_subject(token)
        for place, name, label in reversed(self._met):
            if place in own:
                continue
            if place < token.i and label == "PERSON" and self._gender.get(name, gender) == gender:
                self._gender[name] = gender
                return name
        earlier = [span for span in self._people if span.end <= token.i and span.root.i not in own]
        several = {self._full.get(span.text, span.text) for span in earlier}
        if len(several) == 1:
            return several.pop()
        return self._title if self._title is not None and not earlier else None

    def _in_sentence(self, token: Token) -> str | None:
        """Return what "it" is in "penicillin gives me a rash, I am allergic to it": the thing of the clause before."""
        clause = token.head.head
        while clause.pos_ not in {"VERB", "AUX"} and clause.head.i != clause.i:
            clause = clause.head
        if clause.lemma_ != "be" or token.head.head.pos_ not in {"ADJ", "NOUN"}:
            return None
        before = [child for child in clause.children if child.dep_ == "ccomp" and child.i < token.i]
        things = [
            word
            for verb in before
            for word in verb.children
            if word.dep_ in {"nsubj", "dobj"} and word.pos_ in {"NOUN", "PROPN"} and word.ent_type_ != "PERSON"
        ]
        return things[0].text if things else None

    def _thing(self, token: Token, labels: frozenset[str]) -> str | None:
        sentence = token.sent.start
        if token.dep_ == "pobj" and (near := self._in_sentence(token)) is not None:
            return near
        for place, name, label in reversed(self._met):
            # In its own sentence "it" is more often something else.
            if place < sentence and (label in labels or (label == "TOPIC" and not self._topic_is_person)):
                return name
        if self._title and not self._topic_is_person and (labels is _THINGS or not self._met):
            return self._title
        inside = [name for place, name, label in self._met if place < token.i and label in labels]
        return inside[0] if inside and token.tag_ == "PRP$" else None


def _own_subject(token: Token) -> frozenset[int]:
    """Return where the subjects of a pronoun's own clause stand: "Tom took it from her" speaks of another than Tom."""
    if token.tag_ == "PRP$" or token.lower_.endswith("self") or token.dep_ in _SUBJECTS:
        return frozenset()
    verb = token.head
    while verb.pos_ not in {"VERB", "AUX"} and verb.head.i != verb.i:
        verb = verb.head
    return frozenset(each.i for child in verb.children if child.dep_ in _SUBJECTS for each in (child, *child.conjuncts))


def _subjects_in_order(doc: Doc, names: dict[int, Span], topic: Span | None) -> list[tuple[int, str, str]]:
    """Return what is named as a subject: where, its name, its kind. What the text is about counts where it is named."""
    met: list[tuple[int, str, str]] = []
    full: dict[str, str] = {}
    for token in doc:
        span = names.get(token.i)
        if span is None or span.root.i != token.i:
            continue
        text = full.get(span.text, span.text)
        if span.label_ == "PERSON":
            for word in span.text.split():
                full.setdefault(word, text)
        is_topic = topic is not None and span.text == topic.text
        if token.dep_ in _SUBJECTS or is_topic or (token.dep_ == "conj" and token.head.dep_ in _SUBJECTS):
            met.append((token.i, text, "TOPIC" if is_topic and span.label_ != "PERSON" else span.label_))
    return met
