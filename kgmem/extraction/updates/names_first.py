"""Sentences that begin with a name the small parser does not know, parsed as if it were one that it knows.

It takes "Anneke lives in Delft" for a sentence without a subject, and "payments-db runs on titan" for one without a
verb. A common name in the same place gives the right tree, which is put on the words as they were written.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc, Span, Token

_SUBJECTS: Final = frozenset({"nsubj", "nsubjpass", "poss", "expl", "det"})
_FINITE: Final = frozenset({"VBZ", "VBD", "VBP", "MD"})
_NOMINAL: Final = frozenset(
    {"NN", "NNP", "NNS", "NNPS", "JJ", "RB", "VB", "VBP", "UH", "FW", "VBD", "VBN", "VBZ", "ADD", "XX"}
)
_HELPING: Final = frozenset({"is", "was", "has", "had", "will", "does", "did", "isn't", "'s", "can", "won't"})
_IDENTIFIER: Final = re.compile(r"^[a-z][a-z0-9]*(?:[-_./][a-z0-9]+)+$")
_NO_NAMES: Final = frozenset({"let", "there", "here", "what", "that", "got", "had", "was", "please"})
_PERSON: Final = "Tom"
_THING: Final = "Server"
_EVENT: Final = "Meeting"
_LONGEST: Final = 2_000  # Characters of a text that is looked at; longer ones are no talk.


def parsed_by_names(docs: Iterable[Doc], language: Language) -> Iterator[Doc]:
    """Return the documents, those parsed again that begin with a name which the parser did not know."""
    for doc in docs:
        yield _anew(doc, language) if len(doc.text) <= _LONGEST else doc


def _anew(doc: Doc, language: Language) -> Doc:
    stretches = [found for sentence in doc.sents if (found := _unknown(sentence)) is not None]
    if not stretches:
        return doc
    starts = {first: (end, word) for first, end, word in stretches}
    words, instead, spaces, at = list[str](), list[str](), list[bool](), 0
    while at < len(doc):
        end, word = starts.get(at, (at + 1, doc[at].text))
        words.append(doc[at:end].text)
        instead.append(word)
        spaces.append(bool(doc[end - 1].whitespace_))
        at = end
    better = language(Doc(doc.vocab, words=instead, spaces=spaces))
    if any(_unknown(sentence) is not None and sentence[0].text in instead for sentence in better.sents):
        return doc
    return _on(words, spaces, better, doc)


def _on(words: list[str], spaces: list[bool], parse: Doc, doc: Doc) -> Doc:
    """Return the words as they were written with the parse of others, and the entities of both."""
    lemmas = [each.lemma_ if each.text == word else word for each, word in zip(parse, words, strict=True)]
    made = _with_tree(words, spaces, lemmas, parse)
    changed = {each.i for each, word in zip(parse, words, strict=True) if each.text != word}
    return _with_entities(made, parse, doc, changed)


class Verb(NamedTuple):
    """What a word is that another stood for in a parse."""

    lemma: str
    tag: str
    morph: str


def with_parse_of(parse: Doc, doc: Doc, verbs: Mapping[int, Verb]) -> Doc:
    """Return a text with the parse of another of as many words, and the entities of both; `verbs` by place."""
    words, spaces = [word.text for word in doc], [bool(word.whitespace_) for word in doc]
    changed = {at for at, each in enumerate(parse) if each.text != words[at]}
    made = _with_tree(
        words, spaces, [words[at] if at in changed else each.lemma_ for at, each in enumerate(parse)], parse
    )
    for at, verb in verbs.items():
        made[at].lemma_, made[at].tag_ = verb.lemma, verb.tag
        made[at].set_morph(verb.morph)  # type: ignore[attr-defined]
    return _with_entities(made, parse, doc, changed)


def _with_tree(words: list[str], spaces: list[bool], lemmas: list[str], parse: Doc) -> Doc:
    return Doc(
        parse.vocab, words=words, spaces=spaces, tags=[each.tag_ for each in parse], pos=[each.pos_ for each in parse],
        lemmas=lemmas, heads=[each.head.i for each in parse], deps=[each.dep_ for each in parse],
        morphs=[str(each.morph) for each in parse],
    )  # fmt: skip


def _with_entities(made: Doc, parse: Doc, doc: Doc, changed: set[int]) -> Doc:
    ents = list[Span]()
    for ent in parse.ents:
        if changed & set(range(ent.start, ent.end)) and parse[ent.start].text == _PERSON:
            ents.append(Span(made, ent.start, ent.end, label="PERSON"))
    taken = {at for ent in ents for at in range(ent.start, ent.end)}
    for ent in doc.ents:
        span = made.char_span(ent.start_char, ent.end_char, label=ent.label_)
        if span is not None and not taken & set(range(span.start, span.end)) and span.start not in changed:
            ents.append(span)
    made.ents = tuple(sorted(ents, key=lambda each: each.start))
    return made


def _unknown(sentence: Span) -> tuple[int, int, str] | None:
    """Return where a sentence begins with a name that the parser took for none, and a word that it knows instead."""
    first = next((word for word in sentence if not word.is_space and not word.is_punct), None)
    return None if first is None or not first.text[0].isalpha() else _instead(first, sentence)


def _instead(first: Token, sentence: Span) -> tuple[int, int, str] | None:
    if first.tag_ not in _NOMINAL:
        return None
    end = first.i + 1
    while end < sentence.end and not sentence.doc[end - 1].whitespace_ and not _closes(sentence.doc[end]):
        end += 1
    if end >= sentence.end:
        return None
    whole, following = sentence.doc[first.i : end].text, sentence.doc[end]
    if _IDENTIFIER.match(whole) and (_is_verb(following) or following.lower_.endswith("s")):
        lost = not (first.doc[end - 1].dep_ in _SUBJECTS and following.tag_ in _FINITE)
        return (first.i, end, _THING) if lost else None
    if end > first.i + 1 or first.dep_ in _SUBJECTS or not _is_verb(following) or first.lower_ in _NO_NAMES:
        return None
    if first.text[0].isupper() and first.text[1:].islower() and not first.is_stop:
        return first.i, end, _PERSON
    return (first.i, end, _EVENT) if first.dep_ == "csubj" and first.tag_ == "NN" else None


def _closes(word: Token) -> bool:
    return word.text in {".", ",", "!", "?", ";", ":", ")", '"'} or word.lower_ in {"'s", "n't", "'ll", "'d", "'ve"}


def _is_verb(word: Token) -> bool:
    return word.tag_ in _FINITE or word.lower_ in _HELPING
