"""Mails as texts: the header's date, writer and subject, and the body without what it quotes.

What a mail quotes was said before, by somebody else, and counts where it was said. Nothing moves: what is not read is
blank, so that positions stay those of the original.
"""

import email.utils
import re
from dataclasses import dataclass, replace
from typing import Final

from kgmem.domain.text.extraction import TextToRead
from kgmem.domain.time.dates import date_meant
from kgmem.domain.time.interval import iso, parse_time

_FIELD: Final = re.compile(
    r"(?P<name>From|To|Cc|Bcc|Date|Sent|Subject|Reply-To|Message-ID|Received|MIME-Version|Content-[\w-]+):"
    r"[ \t]*(?P<value>.*)$",
    re.IGNORECASE,
)
_FOLDED: Final = re.compile(r"[ \t]+\S")
_QUOTE: Final = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_QUOTE_LEAD: Final = re.compile(
    r"^On .{5,120}\bwrote:[ \t]*$|^-{2,} ?Original Message ?-{2,}[\s\S]*\Z", re.MULTILINE | re.IGNORECASE
)
_GREETING: Final = re.compile(
    r"^(?:hi|hello|hey|dear|good (?:morning|afternoon|evening))\b[^\n.?!]{0,40}[,!.]?[ \t]*$|"
    r"^(?:best|cheers|regards|kind regards|best regards|best wishes|thanks|thank you|many thanks|yours|sincerely)\b"
    r"[^\n.]{0,20},[ \t]*\n[^\n]{0,60}$",
    re.MULTILINE | re.IGNORECASE,
)
_PARTS: Final = 2  # Fields that make a header.


@dataclass(frozen=True, slots=True)
class Letter:
    """A text as it shall be read, and what its header says."""

    text: TextToRead
    said_at: str | None = None
    speaker: str | None = None


def letter(asked: TextToRead) -> Letter:
    """Return a mail without its header and what it quotes, with what the header says; other texts as they are."""
    fields, end = _header(asked.text)
    mailed = len(fields) >= _PARTS and ("date" in fields or "sent" in fields or "subject" in fields)
    if not mailed and not asked.text.lstrip().startswith(">"):
        return Letter(asked)
    body = " " * end + asked.text[end:] if mailed else asked.text
    for pattern in (_QUOTE_LEAD, _QUOTE, _GREETING):
        body = pattern.sub(_blank, body)
    said = _date(fields.get("date") or fields.get("sent") or "") if mailed else None
    writer = _name(fields.get("from", ""))
    reader = _name(fields.get("to", ""))
    text = replace(
        asked, text=body, occurred_at=said or asked.occurred_at, speaker=writer or asked.speaker,
        listener=reader or asked.listener,
    )  # fmt: skip
    return Letter(text, said, writer)


def _header(text: str) -> tuple[dict[str, str], int]:
    """Return the fields at the beginning of a text, by name, and where they end."""
    fields: dict[str, str] = {}
    end = 0
    for line in text.splitlines(keepends=True):
        found = _FIELD.match(line.rstrip("\r\n"))
        if found is not None:
            fields.setdefault(found["name"].lower(), found["value"].strip())
        elif not (fields and _FOLDED.match(line)):
            break
        end += len(line)
    return fields, end


def _date(value: str) -> str | None:
    """Return the moment or day that a header names, in ISO 8601."""
    try:
        return iso(parse_time(email.utils.parsedate_to_datetime(value).isoformat()).start or 0)
    except (ValueError, TypeError):
        plain = re.sub(r"^\w+day,?\s+|\s+(?:at\s+)?\d{1,2}:\d\d.*$", "", value.strip(), flags=re.IGNORECASE)
        meant = date_meant(plain, None)
        return iso(meant.interval.start) if meant is not None and meant.interval.start is not None else None


def _name(value: str) -> str | None:
    """Return the name of the first address of a field."""
    if "@" not in value:
        return re.split(r"[,;]", value)[0].strip("\"' ") or None
    addresses = email.utils.getaddresses([value])
    name, address = addresses[0] if addresses else ("", "")
    told = name or ("" if "@" in address else address)
    return told.strip("\"' ") or None


def _blank(found: re.Match[str]) -> str:
    return "".join("\n" if sign == "\n" else " " for sign in found[0])
