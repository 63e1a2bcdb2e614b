"""Labels of notes, read by lines: "Owner: Ann", "Chair of the guild: Bo", "Ingredients:" and the list below it.

A label says something of the value behind it and of what its section is about: the heading above it, or the value of
a label that names a thing ("Project: skylark"). A line that such a fact comes from is no sentence for the parser.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.text.extraction import Argument, FoundFact, Span
from kgmem.extraction.vocabulary import listed

_CONFIDENCE: Final = 0.7
_MARKS: Final = r"[ \t]*(?:\d{1,2}:\d\d(?::\d\d)?[ \t]+|[-*+\u2022][ \t]+|\d{1,2}(?:\.\d{1,2})*[.)]?[ \t]+)?[*_]{0,2}"
_LABEL: Final = re.compile(
    rf"^{_MARKS}(?P<label>[A-Za-z](?:[\w/&'\u2019 -]|\.(?! )){{0,48}}?)[*_]{{0,2}}[ \t]*:[*_]{{0,2}}[ \t]+"
    rf"(?P<value>\S[^\n]{{0,158}}?)[*_ \t]*$"
)
_HEADING: Final = re.compile(r"^#{1,6}[ \t]+(?P<name>[^\n#]{2,80}?)[ \t#]*$|^\*\*(?P<bold>[^*\n]{2,80})\*\*[ \t]*$")
_LIST_LABEL: Final = re.compile(r"^[ \t]*[*_]{0,2}(?P<label>[A-Za-z][\w ]{2,30})[*_]{0,2}:?[*_]{0,2}[ \t]*$")
_ITEM: Final = re.compile(r"^[ \t]*[-*+\u2022][ \t]+(?P<item>\S[^\n]{0,80}?)[ \t.;,]*$")
# What a label of one line says somebody is; "owner of the budget" and "contact at Telia" name the rest.
_TASKS: Final = listed("owner dri contact assignee lead responsible reviewer approver maintainer sponsor")
_ROLES: Final = _TASKS | listed(
    """chair chairperson chairman chairwoman president vice-president director manager head commander author editor
    reporter secretary treasurer host facilitator moderator organiser organizer coordinator scribe landlord landlady
    tenant speaker coach trainer teacher captain caretaker translator illustrator publisher architect buyer seller
    supplier customer client provider contractor conductor curator producer composer designer developer founder
    ceo cto cfo coo mayor minister spokesperson supervisor instructor dentist doctor vet lessor lessee"""
)
_TASK: Final = re.compile(
    r"^(?P<who>[^\W\d_a-z][\w.'\u2019-]*(?: [^\W\d_a-z][\w.'\u2019-]*)?)(?: ?[:\u2013\u2014]| -| ?->) "
    r"(?P<verb>[a-z]+) (?P<object>(?:the|a|an|our|all|new) [^,;.\n]{2,60}?)"
    r"(?=$|[,;.]| -| [\u2013\u2014]| (?:by|due|before|until|till|on|to|for|with|from|in|at|and) )"
)
_ROLE_OF: Final = re.compile(r"^(?P<role>[\w -]+?) (?:of|for|at) (?:the )?(?P<of>\S.*)$", re.IGNORECASE)
_NAME: Final = re.compile(
    r"^(?:(?:Mr|Mrs|Ms|Mx|Dr|Prof)\.? )?[^\W\d_a-z][\w.'\u2019-]*(?: (?:(?:van|von|de|der|den|da|di|la|le|del|of|the"
    r"|&|and) )*[^\W\d_a-z][\w.'\u2019-]*){0,5}$|^[a-z][\w]*[-_.\d][\w.-]*$"
)
# Labels whose value names what the lines below are about.
_SUBJECTS: Final = listed(
    "name project product service package library app application company host server model recipe"
)
_ABOUT_TEXT: Final = listed(
    """subject re title from to cc bcc date sent note notes nb ps see update edit example examples warning tip hint
    todo q a question answer fix fixed added changed removed expected actual steps result results summary decision
    decisions action actions agenda topic topics risk risks impact cause workaround follow-up background goal goals
    reminder conclusion apologies absent excused regrets present attendees attending participants time attachments
    root"""
)
_APPOINTMENTS: Final = listed("meeting deadline due date day session demo release launch")
_ATTENDEES: Final = listed("present attendees attending participants")
_ABSENT: Final = listed("apologies absent excused regrets")
_CONTENTS: Final = listed("ingredients components contents")
_GENERIC: Final = listed(
    """minutes notes note notice installation usage features license contact overview introduction details info steps
    agenda attendees summary changelog services staff team members table data results general misc other
    requirements configuration support links references background description ingredients method directions"""
)
_MEETINGS: Final = re.compile(
    r"\b(?:meeting|minutes|call|session|workshop|retro|retrospective|review|stand-?up)\b", re.IGNORECASE
)
_MINUTES_OF: Final = re.compile(r"^(?:(?:meeting )?minutes|notes)(?: of| from|:)?(?: the)? ", re.IGNORECASE)
_DATED: Final = re.compile(r"[ \t]*(?:[,(\u2013-][ \t]*|\bon )(?:\d{1,2}\.? |[A-Z][a-z]+ \d|\d{4}-\d\d|\w+day\b).*$")
_NOTHING: Final = listed("none n/a na - -- tbd tba unknown ? nobody no yes open")
_SENTENCE: Final = re.compile(
    r"\b(?:is|are|was|were|has|have|had|will|would|can|could|should|must|does|do|did|we|I|you|they|he|she|it|to)\b"
)
_LONGEST_VALUE: Final = 8  # Words; what is longer is a sentence.


@dataclass(frozen=True, slots=True)
class Notes:
    """The facts of a text's labels, and the lines that they come from, which are no sentences."""

    facts: Sequence[FoundFact]
    lines: Sequence[Span]


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    start: int

    def span(self, words: str, at: int) -> Span:
        return Span(self.start + at, self.start + at + len(words))


@dataclass(slots=True)
class _Section:
    """What the lines read last are about."""

    title: Argument | None = None  # Of the whole text.
    about: Argument | None = None  # The nearest heading, or the value of a label that names a thing.
    listing: str = ""  # The label above a list.


def notes_of(text: str) -> Notes:
    """Return what the labels of a text's lines say."""
    facts, lines = list[FoundFact](), list[Span]()
    section = _Section()
    rows, at = list[_Line](), 0
    for line in text.splitlines(keepends=True):
        rows.append(_Line(line.rstrip("\r\n"), at))
        at += len(line)
    for number, row in enumerate(rows):
        found = _LABEL.match(row.text)
        if found is not None:
            beside = any(_LABEL.match(rows[n].text) for n in (number - 1, number + 1) if 0 <= n < len(rows))
            told = list(_of_label(row, found, section, beside=beside))
            facts += told
            lines.append(Span(row.start, row.start + _read_up_to(row, found, told=bool(told), beside=beside)))
        elif (item := _ITEM.match(row.text)) is not None and section.listing:
            if section.title is not None and not _SENTENCE.search(item["item"]):
                what = Argument(item["item"], row.span(item["item"], item.start("item")))
                facts.append(_fact(section.title, "contains", what))
                lines.append(Span(row.start, row.start + len(row.text)))
        elif row.text.strip():
            _head(row, section, first=number == 0)
    return Notes(facts, lines)


def _read_up_to(row: _Line, found: re.Match[str], *, told: bool, beside: bool) -> int:
    """Return how many characters of a line with a label are no sentence: all, or the label, or none."""
    key, value = found["label"].strip().lower(), found["value"]
    last = key.split()[-1]
    names = key in _ATTENDEES | _ABSENT or (last in _ROLES and _NAME.match(value.strip(" .;")))
    if (told and key.split()[0] not in _ABOUT_TEXT) or names or (beside and _says(row, key, value)):
        return len(row.text)
    return found.start("value") if key in _ABOUT_TEXT or last in _ABOUT_TEXT or key.startswith(("to ", "for ")) else 0


def _head(row: _Line, section: _Section, *, first: bool) -> None:
    """Take a heading, or the label above a list."""
    listing = _LIST_LABEL.match(row.text)
    section.listing = ""
    if listing is not None and listing["label"].lower() in _CONTENTS:
        section.listing = listing["label"].lower()
        return
    found = _HEADING.match(row.text)
    plain = (
        first
        and "->" not in row.text
        and len(row.text) <= 80
        and not row.text.rstrip().endswith((".", "!", "?", ",", ":", ";"))
    )
    if found is None and not (plain and row.text[:1].isalnum()):
        return
    name = (found["name"] or found["bold"]) if found is not None else row.text.strip()
    named = _title(name)
    if named and named.lower().split()[0] not in _GENERIC and not _SENTENCE.search(named):
        argument = Argument(named, row.span(named, row.text.index(named)))
        section.about = argument
        section.title = section.title or argument
    else:
        section.about = section.title


def _title(name: str) -> str:
    """Return a heading without a date behind it and "Minutes of" before it."""
    bare = _DATED.sub("", name.strip().strip("*_"))
    return _MINUTES_OF.sub("", bare).strip(" ,:-")


def _of_label(row: _Line, found: re.Match[str], section: _Section, *, beside: bool) -> Iterator[FoundFact]:
    label, value = found["label"].strip(), found["value"].strip(" .;")
    key = label.lower()
    what = Argument(value, row.span(value, found.start("value")))
    if key in _SUBJECTS and not value.isdigit() and len(value.split()) <= _LONGEST_VALUE:
        section.about = what
        section.title = section.title or what
        return
    if value.lower() in _NOTHING or section.listing:
        return
    if key.split()[0] in {"action", "actions", "todo", "task", "follow-up", "ai", "ap"}:
        yield from _task(row, found)
        return
    if key in _ATTENDEES:
        yield from _attended(row, found, section)
        return
    of = _ROLE_OF.match(label)
    role = of["role"] if of is not None else label
    role = role if role.isupper() else role.lower()
    if role.lower().split()[-1] in _ROLES:
        yield from _role(row, found, section, (role, of["of"] if of is not None else ""))
    elif beside and section.about is not None and _says(row, key, value) and key.split()[-1] not in _APPOINTMENTS:
        yield _fact(section.about, key if key == "serves" else f"has {key}", what)


def _says(row: _Line, key: str, value: str) -> bool:
    """Return whether a label and its value are those of a list of properties, and no sentence."""
    words = key.split()
    if _BULLETED.match(row.text) and words[-1] not in _PROPERTIES:
        return False  # "- Marta: login page done".
    told = len(words) <= 3 and key not in _ABOUT_TEXT and words[-1] not in _ABOUT_TEXT
    return told and len(value.split()) <= _LONGEST_VALUE and not _SENTENCE.search(value) and not _NAMED_KEY.match(key)


_BULLETED: Final = re.compile(r"^[ \t]*[-*+\u2022] ")
_PROPERTIES: Final = listed(
    """license licence language status version price cost fee phone email address location venue deadline budget port
    url website size weight height length width colour color material capacity language languages headquarters
    population capital currency area employees founded severity priority platform os database framework duration
    salary industry genre format isbn model serial vendor manufacturer brand type category region country city state"""
)
_NAMED_KEY: Final = re.compile(r"^(?:\d|day\b|step\b|part\b|chapter\b|section\b|https?\b)")


def _role(row: _Line, found: re.Match[str], section: _Section, said: tuple[str, str]) -> Iterator[FoundFact]:
    role, of = said
    at = found.start("value")
    for name in re.split(r",[ ]*|[ ]+(?:and|&)[ ]+|;[ ]*", found["value"].strip(" .;")):
        begin = found["value"].index(name) if name else 0
        if not _NAME.match(name):
            continue
        person = Argument(name, row.span(name, at + begin))
        task = role.lower().split()[-1] in _TASKS
        if of:
            whole = Argument(of, row.span(of, row.text.index(of)))
            yield _fact(whole, f"has {role}", person) if task else _fact(person, f"is {role} of", whole)
        elif task and section.about is not None:
            yield _fact(section.about, f"has {role}", person)
        if not (task and (of or section.about is not None)):
            yield _fact(person, "is", Argument(role, row.span(role, row.text.index(found["label"]))))


def _task(row: _Line, found: re.Match[str]) -> Iterator[FoundFact]:
    """ "Action: Iqbal - update the changelog": what somebody is to do."""
    task = _TASK.match(found["value"])
    if task is not None:
        who, what = (row.span(task[part], found.start("value") + task.start(part)) for part in ("who", "object"))
        bare = re.sub(r"^(?:the|a|an|our|all) ", "", task["object"])
        yield _fact(Argument(task["who"], who), f"to {task['verb']}", Argument(bare, what))


def _attended(row: _Line, found: re.Match[str], section: _Section) -> Iterator[FoundFact]:
    if section.title is None:
        return
    title = section.title.name
    meeting = Argument(title if _MEETINGS.search(title) else f"{title} meeting", section.title.span)
    at = found.start("value")
    for part in re.split(r",[ ]*|;[ ]*|[ ]+and[ ]+", found["value"].strip(" .")):
        name = re.sub(r"[ ]*\(.*\)$", "", part).strip()
        if _NAME.match(name) and name in found["value"]:
            yield _fact(Argument(name, row.span(name, at + found["value"].index(name))), "present at", meeting)


def _fact(subject: Argument, predicate: str, object_: Argument) -> FoundFact:
    first, last = sorted((subject.span, object_.span), key=lambda span: span.start)
    between = Span(min(first.end, last.start), max(first.end, last.start))
    return FoundFact(subject, predicate, between, object_, _CONFIDENCE, "rules:label")
