"""Names of machines and their parts as one word each, and verbs that the parser takes for plurals.

The tokenizer cuts "search-api" and "db-7" in three, and a parser that has never seen a name takes "Vera administers
Vault" for a row of nouns. Both are put right here, before anything else looks at the parse.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from spacy.language import Language
from spacy.tokens import Doc, Token
from spacy.tokens import Span as Words

from kgmem.extraction.vocabulary import listed

JOIN: Final = "kgmem_identifiers"
_IDENTIFIER: Final = re.compile(
    r"(?<![\w-])(?!(?:pre|mid|post|early|late|non)-)(?:[A-Za-z]\w*(?:[-./]\w+)*-\w*\d\w*|"
    r"[a-z]\w*(?:-\w+)*-(?:api|db|service|services|server|worker|workers|job|export|import|prod|staging|backup|backups|"
    r"sync|cache|gateway|queue|cron|ui|app|cli|svc|cluster|node|host|proxy|bot|lib|core|build|runner|store|web|"
    r"frontend|backend|auth|search|data|bucket|topic|table|index|pipeline|deploy|scheduler|exporter|agent|client))"
    r"(?![\w-])"
)
_FINITE: Final = frozenset({"VBZ", "VBD", "VBP", "MD"})
_NOUNS: Final = frozenset({"NN", "NNP", "CD", "NNPS"})
_OBJECT_FIRST: Final = frozenset({"DT", "PRP$", "CD"})
# Verbs of services and people that have no object behind them; most other such words in "s" are plurals.
_INTRANSITIVE: Final = listed(
    "runs listens depends lives works sits resides relies connects talks moves belongs reports writes reads points"
)
_BEFORE: Final = listed("fyi btw ok okay so and also but now then well yes no update note , : -")
_SUBSTITUTES: Final = (("She",), ("This", "one"), ("This", "old", "one"))  # For a subject of so many words.


@Language.component(JOIN)
def join_identifiers(doc: Doc) -> Doc:
    """Return a text's words with each identifier as one."""
    found = [doc.char_span(*each.span(), alignment_mode="strict") for each in _IDENTIFIER.finditer(doc.text)]
    spans = [span for span in found if span is not None and len(span) > 1]
    if spans:
        with doc.retokenize() as retokenizer:
            for span in spans:
                retokenizer.merge(span)
    return doc


def restore_verbs(doc: Doc, language: Language) -> None:
    """Parse sentences again in place that have no verb but a word in "s" that may be one, with a plain subject."""
    for sentence in list(doc.sents):
        verb = _lost_verb(sentence)
        if verb is None:
            continue
        first = next((word.i for word in sentence if not word.is_space and word.lower_ not in _BEFORE), verb.i)
        if not 0 < verb.i - first <= len(_SUBSTITUTES):
            continue
        _parse_again(sentence, (first, verb.i), language)


def _lost_verb(sentence: Words) -> Token | None:
    """Return the first word that may be the verb of a sentence, or of its part before a comma, without any."""
    finite = next((word.i for word in sentence if word.tag_ in _FINITE), sentence.end)
    comma = next((word.i for word in sentence if word.text in {",", ";"}), sentence.end)
    if finite < comma:
        return None
    return next(
        (word for word in sentence.doc[sentence.start + 1 : min(comma, sentence.end - 1)] if _may_be_verb(word)), None
    )


def _may_be_verb(word: Token) -> bool:
    if word.tag_ != "NNS" or not word.is_lower or not word.lower_.endswith("s"):
        return False
    before, after = word.nbor(-1), word.nbor(1)
    if before.tag_ not in _NOUNS and not _IDENTIFIER.fullmatch(before.text):
        return False
    name = after.tag_ == "NNP" and before.is_title
    return after.tag_ in _OBJECT_FIRST or name or (word.lower_ in _INTRANSITIVE and after.tag_ == "IN")


def _parse_again(sentence: Words, subject: tuple[int, int], language: Language) -> None:
    """Take the heads of a sentence from its parse with other words for its subject."""
    first, end = subject
    words = [word.text for word in sentence]
    offset = sentence.start
    substitutes: Sequence[str] = _SUBSTITUTES[end - first - 1]
    if sentence[first - offset].tag_ == "DT":
        substitutes = ("The", *("old",) * (end - first - 2), "man")
    words[first - offset : end - offset] = substitutes
    again = language(Doc(language.vocab, words=words, spaces=[bool(word.whitespace_) for word in sentence]))
    if again[end - offset].tag_ not in _FINITE:
        return
    for old, new in _pairs(sentence, again):
        old.head = sentence.doc[offset + new.head.i]
        inside = first <= old.i < end
        if inside:
            old.dep_ = "compound" if new.dep_ == "amod" or (new.dep_ == "det" and old.tag_ != "DT") else new.dep_
        else:
            old.dep_, old.tag_, old.pos_, old.lemma_ = new.dep_, new.tag_, new.pos_, new.lemma_


def _pairs(sentence: Words, again: Doc) -> Iterator[tuple[Token, Token]]:
    """Return the words of both, those that others hang on first: no word may hang on one of its own children."""
    for new in sorted(again, key=lambda word: len(list(word.ancestors))):
        yield sentence.doc[sentence.start + new.i], new
