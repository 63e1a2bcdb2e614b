"""What of a text is no running English: code, stack traces, prefixes of logs, headings, tables; and other languages.

The rules read sentences. What is none would give entities that nobody named, so it is blank for them; nothing moves,
and the text is stored and searched as it is. The language is recognised by the most frequent function words of each.
"""

import re
from typing import Final

_FENCED: Final = re.compile(r"^(```|~~~)[^\n]*\n.*?(?:^\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
# Indented code behind an empty line, and HTML tags and tables.
_INDENTED: Final = re.compile(r"(?<=\n\n)(?:(?: {4}|\t)[^\n]*\n?)+|^[ \t]*\$ [^\n]+$", re.MULTILINE)
_HTML: Final = re.compile(r"<table\b.*?</table\s*>|</?[a-zA-Z][^<>]{0,300}>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_LINES: Final = re.compile(
    r"^[^\n]{1,80}\n(?:={3,}|-{3,})[ \t]*$|"
    r"^goroutine \d+.*$|^exit status \d+$|^(?:panic|fatal error|fatal|Caused by): .*$|"
    r"^[\w.$/*()]+\([^\n()]*\)$|^\s+\S+\.\w{1,4}:\d+\b.*$|"
    r"^\d{1,3}(?:\.\d{1,3}){3} \S+ \S+ \[.*$|"
    r"^Traceback \(most recent call last\):$|"
    r"^[ \t]+File \"[^\"\n]+\", line \d+.*(?:\n[ \t]+\S.*)?|"
    r"^[ \t]+at [\w.$<>/]+\(.*\)$|"
    r"^\.\.\. \d+ more$|"
    r"^[\w.]*(?:Error|Exception)\b(?:: .*)?$|"
    r"^#{1,6}[ \t].*$|"
    r"^[ \t]*\|.*\|[ \t]*$",
    re.MULTILINE,
)
_LOG_PREFIX: Final = re.compile(
    r"^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?"
    r"(?:[ \t]+\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\]?:?)?(?:[ \t]+\[[^\]\n]*\])?"
    r"(?:[ \t]+[\w.$/-]+(?:[ \t]+-(?=[ \t])|:(?=[ \t])))?|"
    r"^[A-Z][a-z]{2}[ \t]+\d{1,2} \d\d:\d\d:\d\d [\w.-]+ [\w/.-]+(?:\[\d+\])?:",
    re.MULTILINE,
)
_CLOCK: Final = re.compile(
    r"(?:^|(?<=[.!?][ \n]))\d{1,2}:\d\d(?::\d\d)?(?: ?(?:am|pm|UTC|CET))?[ \t]*[-:]?[ \t]+(?=[A-Z])", re.MULTILINE
)
# Of lists, and the numbers of clauses.
_BULLET: Final = re.compile(
    r"^[ \t]*(?:[-*+\u2022]|\d{1,2}[.)]|\(?\d{1,2}(?:\.\d{1,2}){1,3}\.?\)?|\(?[a-z]\)|(?:\u00a7|Art\.|Article|Clause|"
    r"Section) ?\d{1,3}[.:]?)[ \t]+(?:\[[ xX]\][ \t]+)?(?=\S)",
    re.MULTILINE,
)
_SALUTATION: Final = re.compile(
    r"^[ \t]*(?:Dear|Hi|Hello|Hey|Good (?:morning|afternoon|evening))\b[^\n.?!,:]{0,50}[,!:][ \t]*$", re.MULTILINE
)
_INLINE_CODE: Final = re.compile(r"`[^`\n]*[^\w`.-][^`\n]*`")
# The end of a line that is a sentence of its own: a short one, one of a list, or one before a list or an empty line.
_LINE_END: Final = re.compile(r"(?<=[^\s.!?:;,|])[ \t]*\n(?=[ \t]*(?:\n|[-*+\u2022][ \t]|\d{1,2}[.)][ \t]|[A-Z]))")
_SHORT: Final = 45  # Characters of a line that is no part of wrapped prose.
_WORD: Final = re.compile(r"[^\W\d_]+")
_ENGLISH: Final = frozenset(
    """the of and to in is was that it for on with as he his at by she her from they be this have had has are were not
    or an which you i we my your will been who their its would our do does did there what no so if when a me him them
    but about can could should than then now just into up out over""".split()  # noqa: SIM905
)
_OTHERS: Final = {
    "German": """der die das und ist nicht ein eine ich wir sie er es mit auf für von zu im dem den des sich auch als an
        bei nach aus wie aber oder wird wurde haben hat sind war seit mein ihr kein am vom zum zur beim bis unser unsere
        ihre seine seiner werden kann noch nur schon dass wenn einen einem einer hatte waren""",
    "French": """le la les et est un une des du de je nous vous il elle dans pour que qui ne pas sur avec ce cette au
        aux par plus sont a été mon ma son sa ses mais ou depuis chez à était être avait ont ils elles leur leurs lui on
        nos notre votre vos ces donc aussi très comme après avant pendant jusqu entre sans deux fait sera où""",
    "Spanish": """el la los las y es un una de del que en por para con no se su lo al como más pero sus le ya o este sí
        porque esta entre cuando muy sin sobre también me hasta vive yo mi""",
    "Italian": """il lo la gli le e è un una di del della che in per con non si su sono da come più ma suo anche nel
        alla io mio questo""",
    "Portuguese": """o os a as e é um uma de do da que em por para com não se seu no na como mais mas dos das eu meu
        também foi""",
    "Polish": """i w na z do nie że się jest to jak ale po o dla od mam moja mój mojego czy tak był była przez""",
    "Czech": """a v na se je to že do s z o ale jsem jako po pro můj moje mám byl nebo který by tak""",
    "Swedish": """och i att det som en på är av för med till den har de inte om ett han hon jag min mitt vi var
        men bor""",
    "Danish": """og i at det som en på er af for med til den har de ikke om et han hun jeg min mit vi var
        men bor hos""",
    "Finnish": """ja on ei se että hän minä olen ovat oli mutta kun niin myös minun joka tai kuin""",
    "Turkish": """ve bir bu da de için ile ben benim çok ama gibi daha var yok mi sonra kadar""",
    "Hungarian": """a az és hogy nem egy van is de meg ez azt én vagyok volt csak mint vagy a nővérem""",
    "Romanian": """și în de la cu pe nu este un o care din pentru mai sunt eu mea meu am la""",
    "Dutch": """dit de het een en is niet van ik wij zij hij met op voor dat die te in zijn ook als aan bij naar uit
        maar of wordt heeft hebben was mijn""",
}
# What English writes so, too, tells nothing.
_FUNCTION: Final = {
    language: frozenset(words.split()) - {"a", "i", "is", "van", "men", "on", "as", "has", "do", "to", "at", "by", "no"}
    for language, words in _OTHERS.items()
}
# Words of which one is enough in a text of a few words: no English word is written so.
_TELLING: Final = frozenset(
    """ich und nicht wir sie für ein eine mein meine wohne arbeite je suis chez vous nous avec une pas habite travaille
    yo vivo una los las muy trabajo soy estoy sono che della abito lavoro uma não eu moro trabalho ik het een niet wij
    woon werk jag och inte jeg ikke""".split()  # noqa: SIM905
)
_FEWEST: Final = 5  # Words of which a language can be told.
_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f]")


def sentences_only(text: str) -> str:
    """Return a text of the same length with blanks where no sentences stand."""
    for pattern in (_FENCED, _INDENTED, _HTML, _LINES, _LOG_PREFIX, _CLOCK, _SALUTATION, _INLINE_CODE):
        text = pattern.sub(_blank, text)
    listed = {found.start() for found in _BULLET.finditer(text)}
    text = _BULLET.sub(_blank, text)
    return _LINE_END.sub(lambda found: _stop(text, found, listed), text)


def _stop(text: str, found: re.Match[str], listed: set[int]) -> str:
    """Return the text for the end of a line: a full stop where the line is no part of a longer sentence."""
    start = text.rfind("\n", 0, found.start()) + 1
    after = found.end()
    alone = (
        start in listed
        or after in listed
        or text[after : after + 1] == "\n"
        or len(text[start : found.start()].strip()) <= _SHORT
    )
    return "." + found[0][1:] if alone else found[0]


def other_language(text: str) -> str | None:
    """Return the language of a text that is surely not English; None for English, and where it is too short to tell."""
    told = _WORD.findall(text)
    words = ["" if word in {"i", "a"} else word.lower() for word in told]
    letters = "".join(words)
    if len(letters) >= 2 * _FEWEST and len(_LATIN.findall(letters)) < len(letters) / 2:
        return "another language"
    english = sum(word in _ENGLISH for word in words)
    counts = {language: sum(word in known for word in words) for language, known in _FUNCTION.items()}
    best = max(counts, key=lambda language: counts[language])
    if len(words) < _FEWEST:
        return _of_few(told, best)
    if counts[best] >= max(2, len(words) / 6) and counts[best] > 2 * english:
        return best
    # No word of English, and letters that it does not have: a language that is not listed here.
    return "another language" if english * 12 <= len(words) and not letters.isascii() else None


def _of_few(words: list[str], language: str) -> str | None:
    """Return the language of a few words of which one is that of no English text, and most are no names."""
    plain = sum(word.islower() for word in words)
    telling = any(word.lower() in _TELLING for word in words)
    return language if telling and len(words) > 2 and 2 * plain >= len(words) else None


def _blank(found: re.Match[str]) -> str:
    return "".join("\n" if sign == "\n" else " " for sign in found[0])
