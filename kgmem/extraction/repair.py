"""Systematic faults of the small parser, repaired before the rules read: what no sentence of English can mean.

It takes a name at the beginning for an adverb ("Tom married Lena"), an imperative for a noun ("Answer in English"), a
first name for a place or a people, and "to" between two amounts for a part of the number. Each repair looks at the
form of a sentence alone.
"""

import re
from typing import Final

from spacy.tokens import Doc, Span, Token

from kgmem.extraction.vocabulary import listed

_TIMES: Final = frozenset({"DATE", "TIME"})
_ORDERS: Final = listed("answer reply respond write speak talk use address format keep send avoid call remember stop")
_ROLES: Final = frozenset({"head", "chair", "lead", "captain", "coach", "host", "direct", "guard", "judge"})
_RAISES: Final = frozenset({"promote", "demote", "appoint", "elevate", "raise"})
# What only people do, so that the name of who does it is that of no place, people or company.
_PERSONAL: Final = listed(
    """live reside work marry date divorce study graduate retire resign quit love like hate enjoy prefer speak learn
    relocate emigrate sleep eat drink drive resent teach volunteer coach cook read write smoke walk wear visit"""
)
_FELT: Final = listed(
    """allergic married engaged vegetarian vegan pregnant sick ill retired happy sad tired divorced intolerant
    responsible friends born ceo cto cfo coo director mayor president manager doctor nurse teacher engineer lawyer
    dentist student chair treasurer secretary editor captain coach pilot plumber journalist professor"""
)
KIN: Final = listed(
    """sister brother mother father daughter son wife husband partner girlfriend boyfriend friend colleague boss cousin
    aunt uncle niece nephew mom mum dad neighbour neighbor roommate flatmate fiance fiancee ex grandmother grandfather
    brother-in-law sister-in-law manager teammate coworker"""
)
_DONE_TO_PEOPLE: Final = listed("marry divorce hire fire dismiss promote appoint elect dump sack date recruit employ")
_NOT_PEOPLE: Final = frozenset({"GPE", "NORP", "ORG", "EVENT", "PRODUCT", "LOC", "FAC", "WORK_OF_ART", "LAW", ""})
_SUBJECTS: Final = frozenset({"nsubj", "nsubjpass"})
_LED_HOME: Final = frozenset(
    {(verb, "in") for verb in ("live", "reside", "settle", "bear", "dwell", "grow", "base")}
    | {(verb, "to") for verb in ("move", "relocate", "emigrate", "back")}
)
_LONGEST_NAME: Final = 3
_LONG_NUMBER: Final = re.compile(r"\+?\d(?:[ /()-]*\d){6,}")


def repair(doc: Doc, people: frozenset[str]) -> None:
    """Repair the parse of a text in place; `people` are known to be such: who speaks to whom."""
    _cut_names(doc)
    for word in doc:
        _clause_for_noun(word)
        _lost_subject(word)
        _lost_pair(word)
        _lost_verb(word)
        _felt_towards(word)
        _compound(word)
        _destination(word)
        _order(word)
        _object(word)
        _genitive(word)
        _role(word)
        _role_taken(word)
        _amounts(word)
    _numbers(doc)
    _people(doc, people)
    _homes(doc, people)


def _numbers(doc: Doc) -> None:
    """Mark the number of a telephone or an account as a number, where the model takes it for a date."""
    if any(ent.label_ in _TIMES and _LONG_NUMBER.fullmatch(ent.text) for ent in doc.ents):
        doc.ents = tuple(
            Span(doc, ent.start, ent.end, label="CARDINAL") if _LONG_NUMBER.fullmatch(ent.text) else ent
            for ent in doc.ents
        )


def _homes(doc: Doc, people: frozenset[str]) -> None:
    """Mark as places what somebody lives in, moves to or was born in, where the model takes it for a person."""
    kept, changed = list[Span](), False
    for ent in doc.ents:
        root = ent.root
        verb = root.head.head
        home = root.dep_ == "pobj" and (verb.lemma_.lower(), root.head.lower_) in _LED_HOME
        mistaken = home and ent.label_ in {"PERSON", "NORP"} and ent.text not in people
        changed = changed or mistaken
        kept.append(Span(doc, ent.start, ent.end, label="GPE") if mistaken else ent)
    if changed:
        doc.ents = tuple(kept)


def _clause_for_noun(word: Token) -> None:
    """ "Standup with the team is on Tuesday": a noun without a verb is no clause."""
    if word.dep_ == "csubj" and word.pos_ in {"NOUN", "PROPN"} and not any(c.dep_ in _SUBJECTS for c in word.children):
        word.dep_ = "nsubj"


def _lost_subject(word: Token) -> None:
    """ "Tom married Lena": a name before a verb without a subject is no adverb."""
    verb = word.head
    if word.dep_ in _SUBJECTS and verb.dep_ in {"aux", "auxpass"} and verb.head.pos_ == "VERB":
        word.head, word.dep_ = verb.head, "nsubjpass" if verb.dep_ == "auxpass" else "nsubj"
    if word.dep_ != "npadvmod" or word.pos_ not in {"PROPN", "PRON"} or word.ent_type_ in _TIMES or verb.i < word.i:
        return
    if verb.pos_ in {"VERB", "AUX"} and not any(child.dep_ in _SUBJECTS for child in verb.children):
        word.dep_ = "nsubjpass" if any(child.dep_ == "auxpass" for child in verb.children) else "nsubj"


def _lost_pair(word: Token) -> None:
    """ "Samir and I got married": the parser takes only the pronoun for the subject."""
    verb = word.head
    if word.dep_ != "npadvmod" or word.pos_ != "PROPN" or word.ent_type_ in _TIMES or word.i + 2 >= word.sent.end:
        return
    joined, other = word.nbor(1), word.nbor(2)
    if joined.lower_ == "and" and other.dep_ in _SUBJECTS and other.head.i == verb.i:
        word.dep_, other.dep_, other.head = other.dep_, "conj", word
        joined.head, joined.dep_ = word, "cc"


def _compound(word: Token) -> None:
    """ "Is the team lead", "is not lactose intolerant after all": the last of two words is what somebody is."""
    before = word.nbor(-1) if word.i > word.sent.start else word
    if (word.dep_, word.pos_) == ("ccomp", "NOUN") and word.head.lemma_ == "be":
        if before.dep_ in _SUBJECTS and before.head.i == word.i and before.pos_ == "NOUN":
            word.dep_, before.dep_ = "attr", "compound"
    elif (word.lower_, word.dep_) == ("intolerant", "advmod") and word.head.i == before.i and before.dep_ == "acomp":
        word.head, word.dep_ = before.head, "acomp"
        before.head, before.dep_ = word, "npadvmod"


def _felt_towards(word: Token) -> None:
    """ "Allergic to shrimp" names a thing, which the parser takes for a deed; verbs that follow such words are rare."""
    adjective = word.head
    if (word.dep_, word.tag_) != ("xcomp", "VB") or adjective.lower_ not in {"allergic", "addicted", "immune"}:
        return
    to = word.nbor(-1) if word.i else word
    if to.lower_ == "to":
        to.pos_, to.tag_, to.dep_, to.head = "ADP", "IN", "prep", adjective
        word.pos_, word.tag_, word.dep_, word.head = "NOUN", "NN", "pobj", to


def _destination(word: Token) -> None:
    """ "Migrated to Render", "gone up to 15 euros": where something goes is no deed, and no part of a number."""
    if word.lower_ != "to":
        return
    target = word.head
    if word.dep_ == "aux" and target.tag_ == "VB" and target.is_title and target.i == word.i + 1 != word.sent.start + 1:
        if target.dep_ not in {"advcl", "xcomp"} or any(True for _ in target.rights if not _.is_punct):
            return
        target.pos_, target.tag_ = "PROPN", "NNP"
        word.head, target.dep_ = target.head, "pobj"
        target.head = word
    elif word.dep_ == "quantmod":
        noun = target.head if target.dep_ == "nummod" else target
        up = next((each for each in target.children if each.lower_ in {"up", "down"} and each.dep_ == "quantmod"), None)
        if noun.dep_ not in {"dobj", "npadvmod", "attr"} or noun.head.pos_ != "VERB" or up is None:
            return
        verb = noun.head
        up.dep_, up.head, word.head, noun.head, noun.dep_ = "prt", verb, verb, word, "pobj"
    else:
        return
    word.pos_, word.tag_, word.dep_ = "ADP", "IN", "prep"


def _lost_verb(word: Token) -> None:
    """ "Karl parted ways with Acme", "Acme let Tom go": the verb of a sentence that the parser finds none in."""
    if word.dep_ == "amod" and word.tag_ in {"VBN", "VBD"} and word.head.dep_ == "ROOT" and word.head.pos_ == "NOUN":
        noun = word.head
        subject = next((child for child in word.lefts if child.pos_ in {"PROPN", "ADJ"} and child.is_title), None)
        finite = any(each.tag_ in {"VBZ", "VBD", "VBP", "MD"} for each in noun.sent)
        if subject is not None and not finite and word.i < noun.i:
            subject.dep_, subject.pos_ = "nsubj", "PROPN"
            word.head, word.dep_, word.tag_, word.pos_ = word, "ROOT", "VBD", "VERB"
            noun.head, noun.dep_ = word, "dobj"
    elif word.dep_ == "ROOT" and word.tag_ in {"VB", "VBP"} and word.is_title and word.i + 1 < word.sent.end:
        verb = word.nbor(1)
        if verb.tag_ in {"VBD", "VBZ"} and verb.head.i == word.i and verb.dep_ in {"xcomp", "ccomp", "conj"}:
            verb.head, verb.dep_ = verb, "ROOT"
            word.pos_, word.tag_, word.dep_ = "PROPN", "NNP", "nsubj"
            for child in list(word.children):
                if child.i != verb.i:
                    child.head = verb
            word.head = verb


def _order(word: Token) -> None:
    """ "Answer in English, please": a bare noun that leads a sentence is an imperative."""
    bare = not any(child.dep_ in {"det", "poss", "amod", "nsubj", "nummod"} for child in word.children)
    if word.dep_ == "ROOT" and word.pos_ in {"NOUN", "PROPN"} and word.lower_ in _ORDERS and bare:
        word.pos_, word.tag_ = "VERB", "VB"


def _object(word: Token) -> None:
    """ "I speak Finnish", "can't have shellfish": what follows a verb directly as a name or noun is its object."""
    verb = word.head
    if word.dep_ == "advmod" and word.pos_ == "PROPN" and verb.pos_ == "VERB" and word.i == verb.i + 1:
        word.dep_ = "dobj"
    elif word.pos_ == "VERB" and word.tag_ == "VB" and not any(True for _ in word.children):
        eaten = word.dep_ == "xcomp" and verb.lemma_ in {"eat", "drink", "have", "tolerate"} and word.i == verb.i + 1
        if word.dep_ == "dobj" or eaten:
            word.pos_, word.tag_, word.dep_ = "NOUN", "NN", "dobj"
    elif (
        (word.dep_, word.pos_) == ("npadvmod", "NOUN")
        and verb.lemma_ == "go"
        and word.i > 0
        and (word.nbor(-1).lower_, word.nbor(-1).dep_) == ("off", "prt")
    ):
        word.dep_ = "dobj"
    elif (word.lower_, word.dep_, word.pos_) == ("like", "ROOT", "ADP") and _has_subject(word):
        word.pos_, word.tag_ = "VERB", "VBP"


def _has_subject(verb: Token) -> bool:
    return any(child.dep_ in _SUBJECTS for child in verb.children)


def _genitive(word: Token) -> None:
    """ "Omar's moving": before a verb in -ing that has no other auxiliary, "'s" is "is"."""
    if word.tag_ != "POS" or word.i + 1 >= word.sent.end or word.dep_ != "case":
        return
    verb, name = word.nbor(1), word.head
    if verb.lower_ == "not" and word.i + 2 < word.sent.end:
        verb = word.nbor(2)
    if verb.tag_ == "VBG" and name.dep_ in _SUBJECTS and name.head.i == verb.i:
        word.pos_, word.tag_, word.dep_, word.head, word.lemma_ = "AUX", "VBZ", "aux", verb, "be"


def _role(word: Token) -> None:
    """ "Was promoted to head of sales": that is a role and no deed."""
    if word.dep_ != "xcomp" or word.tag_ != "VB" or word.i < 1 or word.nbor(-1).lower_ != "to":
        return
    named = word.lower_ in _ROLES and any(child.lower_ == "of" for child in word.children)
    if named or (word.head.lemma_ in _RAISES and not any(child.dep_ == "dobj" for child in word.children)):
        to = word.nbor(-1)
        to.pos_, to.tag_, to.dep_, to.head = "ADP", "IN", "prep", word.head
        word.pos_, word.tag_, word.dep_, word.head = "NOUN", "NN", "pobj", to


def _role_taken(word: Token) -> None:
    """ "Replaced Tom as team lead": that is a role and no clause."""
    mark = next((child for child in word.children if child.lower_ == "as" and child.dep_ == "mark"), None)
    subject = next((child for child in word.children if child.dep_ in _SUBJECTS), None)
    if mark is None or subject is None or word.tag_ != "VBP" or word.dep_ != "advcl" or word.i != subject.i + 1:
        return
    if subject.tag_ != "NN" or any(True for _ in word.rights if not _.is_punct):
        return
    mark.pos_, mark.tag_, mark.dep_, mark.head = "ADP", "IN", "prep", word.head
    word.pos_, word.tag_, word.dep_, word.head, subject.dep_ = "NOUN", "NN", "pobj", mark, "compound"


def _amounts(word: Token) -> None:
    """ "From 5,000 to 4,000 euros" are two amounts, not one number."""
    if word.lower_ != "to" or word.dep_ != "quantmod":
        return
    doc, number = word.doc, word.head
    noun = number.head if number.dep_ == "nummod" else number
    before = next((each for each in number.children if each.dep_ == "quantmod" and each.pos_ == "NUM"), None)
    preposition = noun.head
    if before is None or noun.dep_ != "pobj" or preposition.lower_ not in {"from", "between"}:
        return
    doc.ents = tuple(ent for ent in doc.ents if not ent.start <= word.i < ent.end)
    before.dep_, before.head = "pobj", preposition
    word.pos_, word.tag_, word.dep_, word.head = "ADP", "IN", "prep", preposition.head
    noun.head = word


def _cut_names(doc: Doc) -> None:
    """Cut names where the parse does: "Pune these days" is a place and a time, "Slack with Teams" are two things."""
    kept, changed = list[Span](), False
    for ent in doc.ents:
        cut = next((word.i for word in ent[1:] if _is_cut(word, ent)), None)
        if cut is None:
            kept.append(ent)
            continue
        changed = True
        dated = ent.label_ in _TIMES
        first = Span(doc, ent.start, cut, label="GPE" if dated else ent.label_)
        last = Span(doc, cut + (doc[cut].pos_ == "ADP"), ent.end, label=ent.label_)
        kept += [span for span in (first, last) if len(span)]
    if changed:
        doc.ents = tuple(kept)


def _is_cut(word: Token, ent: Span) -> bool:
    """Return whether a name of several words falls in two before a word."""
    if word.pos_ == "ADP" and word.dep_ == "prep":
        return word.head.pos_ in {"VERB", "AUX"} or word.lower_ in {"with", "instead"}
    before = word.nbor(-1)
    place = before.pos_ == "PROPN" and before.dep_ == "pobj" and word.dep_ == "det" and ent.label_ in _TIMES
    return place and before.i == ent.start


def _people(doc: Doc, known: frozenset[str]) -> None:
    """Mark as people whom a text shows to be such, and then wherever it names them."""
    names = {word for name in known for word in (name, name.split(" ")[0])}
    for word in doc:
        if word.pos_ == "PROPN" and word.ent_type_ in _NOT_PEOPLE and _is_person(word):
            names.add(_name(word).text)
    firms = {_name(word).text for word in doc if word.ent_type_ == "PERSON" and _is_founded(word)} - names
    if not names and not firms:
        return
    kept = []
    for ent in doc.ents:
        person = ent.text in names and ent.label_ in _NOT_PEOPLE
        label = "PERSON" if person else "ORG" if ent.text in firms else ent.label_
        kept.append(Span(doc, ent.start, ent.end, label=label))
    taken = {word.i for ent in kept for word in ent}
    kept += [
        Span(doc, word.i, word.i + 1, label="PERSON")
        for word in doc
        if word.text in names and word.i not in taken and word.pos_ == "PROPN" and word.dep_ != "compound"
    ]
    doc.ents = tuple(sorted(kept, key=lambda span: span.start))


def _is_person(word: Token) -> bool:
    name = _name(word)
    formed = len(name) <= _LONGEST_NAME and all(each.text.isalpha() and each.text.istitle() for each in name)
    if name.root.i != word.i or not formed or any(child.dep_ == "det" for child in word.children):
        return False
    return _acts(word) or _is_met(word)


def _is_founded(word: Token) -> bool:
    """Return whether something is said of a name that is said of organisations only."""
    said = word.head.lemma_.lower() in {"found", "base", "headquarter", "incorporate", "acquire", "merge"}
    return word.dep_ == "nsubjpass" and said


def _acts(word: Token) -> bool:
    """Return whether a name does or is what only people do or are."""
    head = word.head
    if word.dep_ in _SUBJECTS and head.pos_ in {"VERB", "AUX"}:
        said = {child.lower_ for child in head.children if child.dep_ in {"acomp", "attr"}} | {head.lower_}
        return bool(said & _FELT) or (head.lemma_.lower() in _PERSONAL and word.ent_type_ != "ORG")
    return word.dep_ == "appos" and head.lemma_.lower() in KIN


def _is_met(word: Token) -> bool:
    """Return whether something is done to a name that is done to people only: "married Lena", "friends with Bob"."""
    head = word.head
    if word.dep_ == "dobj" and head.lemma_.lower() in _DONE_TO_PEOPLE:
        return word.ent_type_ != "ORG"
    married = head.lower_ in {"to", "with"} and head.head.lower_ in {"married", "engaged", "friends", "relationship"}
    return word.dep_ == "pobj" and married


def _name(word: Token) -> Span:
    """Return the name that a word is the head of: itself with the names before it."""
    first = word.i
    while first > word.sent.start and word.doc[first - 1].dep_ == "compound" and word.doc[first - 1].head.i == word.i:
        first -= 1
    return word.doc[first : word.i + 1]
