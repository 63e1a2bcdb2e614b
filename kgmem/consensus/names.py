"""Names of people as catalogues write them: lists taken apart, names brought to surname and first initial."""

import html
import re
import unicodedata
from collections.abc import Iterable

_ROLES = re.compile(
    r"\([^)]*\)|\[[^\]]*\]|\b(?:edt|eds?|editors?|authors?|et al|phd|dr|prof|jr|sr|ii|iii|by|with|foreword|afterword|"
    r"contributors?|joint|introduction|illustrators?|not available)\b\.?",
    re.IGNORECASE,
)
_AND = re.compile(r"\s+&\s+|\s+and\s+|[/|]", re.IGNORECASE)
# "Murray, AndrewWeafer, Vincent": a list whose separators were lost.
_GLUED = re.compile(r"(?<=[a-z.])(?=[A-Z][a-z]+(?:-[A-Z][a-z]+)?,)")
_WORD = re.compile(r"[a-z'\-]+")


def plain(text: str) -> str:
    """Give a text without accents and HTML's ways of writing them."""
    parts = unicodedata.normalize("NFKD", html.unescape(text))
    return "".join(char for char in parts if not unicodedata.combining(char))


def people(text: str) -> dict[str, str]:
    """Give the people of a list, by "surname initial", or "surname" where that is all that is said, as written out.

    Reads "Last, First; Last, First", "First Last, First Last" and the like; notes such as "(editor)" are left out.
    """
    cleaned = re.sub(r"\d", "", _ROLES.sub(" ", plain(text)))
    cleaned = _GLUED.sub(";", _AND.sub(";", cleaned))
    found: dict[str, str] = {}
    for part in cleaned.split(";"):
        for last, rest in _of_part(part):
            if key := _key(last, rest):
                found.setdefault(key, " ".join(f"{rest} {last}".split()))
    return found


def joined(keys: Iterable[str]) -> dict[str, str]:
    """Say which key stands for each: a bare surname for the one person of that surname, where there is only one."""
    known = sorted(set(keys))
    full: dict[str, list[str]] = {}
    for key in known:
        surname, _, initial = key.partition(" ")
        if initial:
            full.setdefault(surname, []).append(key)
    return {key: full[key][0] if " " not in key and len(full.get(key, ())) == 1 else key for key in known}


def _of_part(part: str) -> list[tuple[str, str]]:
    """Give surname and given names of each person of a part; where they are not apart, all stands in the second."""
    pieces = [piece.strip(" .-") for piece in part.split(",")]
    pieces = [piece for piece in pieces if piece]
    if not pieces:
        return []
    words = [len(piece.split()) for piece in pieces]
    if len(pieces) == 2 and not (words[0] >= 2 and words[1] >= 2):
        return [(pieces[0], pieces[1])]
    if len(pieces) > 1 and len(pieces) % 2 == 0 and not all(count >= 2 for count in words):
        return list(zip(pieces[::2], pieces[1::2], strict=True))
    return [("", piece) for piece in pieces]


def _key(last: str, rest: str) -> str:
    given, family = _WORD.findall(rest.lower()), _WORD.findall(last.lower())
    if not family:
        family, given = given[-1:], given[:-1]
    if family and len(family[-1]) < 2:  # "L., Richard Carley": the initial stands where surnames do.
        family, given = given[-1:], family + given[:-1]
    surname = re.sub("[^a-z]", "", family[-1]) if family else ""
    if len(surname) < 2:
        return ""
    return f"{surname} {given[0][0]}" if given else surname
