"""What of a text is no running English: code, stack traces, prefixes of logs, headings, tables; and other languages.

The rules read sentences. What is none would give entities that nobody named, so it is blank for them; nothing moves,
and the text is stored and searched as it is. Language is told by the most frequent function words of each.
"""

import re
from typing import Final

_FENCED: Final = re.compile(r"^(```|~~~)[^\n]*\n.*?(?:^\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_LINES: Final = re.compile(
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
    r"(?:[ \t]+\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\]?:?)?(?:[ \t]+\[[^\]\n]*\])?",
    re.MULTILINE,
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_ENGLISH: Final = frozenset(
    """the of and to in is was that it for on with as he his at by she her from they be this have had has are were not
    or an which you i we my your will been who their its would our do does did there what no so if when a me him them
    but about can could should than then now just into up out over""".split()  # noqa: SIM905
)
_OTHERS: Final = {
    "German": """der die das und ist nicht ein eine ich wir sie er es mit auf für von zu im dem den des sich auch als an
        bei nach aus wie aber oder wird wurde haben hat sind war seit mein ihr kein""",
    "French": """le la les et est un une des du de je nous vous il elle dans pour que qui ne pas sur avec ce cette au
        aux par plus sont a été mon ma son sa ses mais ou depuis chez""",
    "Spanish": """el la los las y es un una de del que en por para con no se su lo al como más pero sus le ya o este sí
        porque esta entre cuando muy sin sobre también me hasta vive yo mi""",
    "Italian": """il lo la gli le e è un una di del della che in per con non si su sono da come più ma suo anche nel
        alla io mio questo""",
    "Portuguese": """o os a as e é um uma de do da que em por para com não se seu no na como mais mas dos das eu meu
        também foi""",
    "Dutch": """de het een en is niet van ik wij zij hij met op voor dat die te in zijn ook als aan bij naar uit maar of
        wordt heeft hebben was mijn""",
}
_FUNCTION: Final = {language: frozenset(words.split()) for language, words in _OTHERS.items()}
_FEWEST: Final = 5  # Words of which a language can be told.
_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f]")


def sentences_only(text: str) -> str:
    """Return a text of the same length with blanks where no sentences stand."""
    for pattern in (_FENCED, _LINES, _LOG_PREFIX):
        text = pattern.sub(_blank, text)
    return text


def other_language(text: str) -> str | None:
    """Return the language of a text that is surely not English; None for English, and where it is too short to tell."""
    words = [word.lower() for word in _WORD.findall(text)]
    letters = "".join(words)
    if len(letters) >= 2 * _FEWEST and len(_LATIN.findall(letters)) < len(letters) / 2:
        return "another language"
    if len(words) < _FEWEST:
        return None
    english = sum(word in _ENGLISH for word in words)
    counts = {language: sum(word in known for word in words) for language, known in _FUNCTION.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] >= max(2, len(words) / 6) and counts[best] > 2 * english else None


def _blank(found: re.Match[str]) -> str:
    return "".join("\n" if sign == "\n" else " " for sign in found[0])
