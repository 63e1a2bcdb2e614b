"""Texts as XML holds them, those included that XML 1.0 has no way to hold."""

import re
from typing import Final

# XML 1.0, section 2.2, leaves out the control characters and two others, even as references. They are written as
# Office Open XML and .NET write them, _x0001_; an underscore that would look like the start of one is escaped too.
_UNSAYABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4})")
_SAID: Final = re.compile("_x([0-9A-Fa-f]{4})_")
_IN_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
# A line feed or a tab inside of an attribute would be read as a space.
_IN_ATTRIBUTE: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)


def text(value: str) -> str:
    """Return a text as it is written between tags."""
    return sayable(value).translate(_IN_TEXT)


def attribute(value: str) -> str:
    """Return a text as it is written between the quotes of an attribute."""
    return sayable(value).translate(_IN_ATTRIBUTE)


def said(value: str) -> str:
    """Return the text that was meant by one from a file: `_x0001_` and its like are the character of that number."""
    return _SAID.sub(_character, value) if "_x" in value else value


def sayable(value: str) -> str:
    """Return a text with what XML cannot hold as `_x0001_` and its like."""
    return _UNSAYABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", value)


def _character(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    # Only what would have been written so; U+0000 is in no text that kgmem holds.
    return character if character == "_" or (character != "\x00" and _UNSAYABLE.match(character)) else found[0]
