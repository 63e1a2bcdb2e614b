"""A query's text as tokens: openCypher 9's, and the few that Neo4j 5 adds (`::`, `||`, `!=`, 1_000).

No word is reserved here: the parser knows from the place whether `end` is a keyword or a name. What is no token ends in
an error with its place, except a malformed number: whether that is a bad number or a bad name is the parser's to say.
"""

import re
import sys
import unicodedata
from enum import Enum, auto
from typing import NamedTuple

from kgmem.query.errors import CypherError

# A text beyond this is refused: data belongs into parameters, which have no such limit.
MAX_LENGTH = 10_000_000

# What openCypher takes for a dash or an arrow's head in a pattern besides the ASCII ones.
DASHES = "\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
LEFT_HEADS = "\u27e8\u3008\ufe64\uff1c"
RIGHT_HEADS = "\u27e9\u3009\ufe65\uff1e"


class Kind(Enum):
    """What a token is."""

    WORD = auto()  # a keyword or a name: text as written
    QUOTED = auto()  # a name in backticks: text without them
    STRING = auto()  # text is the value, escapes resolved
    INTEGER = auto()  # text as written: 12, 0x1F, 0o17, 1_000
    FLOAT = auto()
    MALFORMED_NUMBER = auto()
    PARAMETER = auto()  # text is the name without the $
    SYMBOL = auto()
    FOREIGN = auto()  # a dash or arrow's head that only patterns may have
    END = auto()


class Token(NamedTuple):
    """A token and where it stands: offsets into the text. `upper` is a word in upper case, a symbol, else empty."""

    kind: Kind
    text: str
    upper: str
    at: int
    end: int


_SPACE = r"(?:[\s\u180e\ufeff]|//[^\n\r]*+|/\*(?s:.*?)\*/)+"
_TOKEN = re.compile(
    rf"""(?P<space>{_SPACE})
    | (?P<WORD>[^\W\d]\w*+)
    | (?P<open_comment>/\*)
    | (?P<SYMBOL><=|>=|<>|!=|=~|\+=|\.\.|\|\||::|(?!\.\d)[-+*/%^=<>(){{}}\[\],.:;|&!])
    | (?P<FLOAT>(?:(?:\d[\d_]*+)?\.\d[\d_]*+(?:[eE][+-]?\d++)?|\d[\d_]*+[eE][+-]?\d++)(?!\w))
    | (?P<INTEGER>(?:0[xX][0-9a-fA-F][0-9a-fA-F_]*+|0[oO][0-7][0-7_]*+|0|[1-9][\d_]*+)(?!\w))
    | (?P<MALFORMED_NUMBER>\.?\d[\w.]*+)
    | (?P<STRING>'[^'\\]*+(?:\\.[^'\\]*+)*'|"[^"\\]*+(?:\\.[^"\\]*+)*")
    | (?P<PARAMETER>\$(?:\w++|`[^`]*+(?:``[^`]*+)*`(?!`)))
    | (?P<QUOTED>`[^`]*+(?:``[^`]*+)*`(?!`))
    | (?P<dollar>\$)
    | (?P<FOREIGN>[{DASHES}{LEFT_HEADS}{RIGHT_HEADS}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "`": "`"}
_ESCAPES |= {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_KINDS = {kind.name: kind for kind in Kind}
_OPEN = {
    "open_comment": "The comment is not closed: missing */.",
    "'": "The string is not closed: missing '.",
    '"': 'The string is not closed: missing ".',
    "`": "The name is not closed: missing `.",
}


def check_length(query: str, most: int) -> None:
    """Refuse a query of more characters. Raises CypherError."""
    if len(query) > most:
        problem = f"The query has {len(query):,} characters, and the limit is {most:,}."
        hint = "Give data as parameters: UNWIND $rows AS row ..."
        raise CypherError("QueryTooLong", problem, query=query, at=0, hint=hint)


def tokens(query: str) -> list[Token]:
    """Return the tokens of a query, the last of kind END. Raises CypherError."""
    check_length(query, MAX_LENGTH)
    found: list[Token] = []
    at, length, match, plain = 0, len(query), _TOKEN.match, query.isascii()
    while at < length:
        seen = match(query, at)
        name = seen.lastgroup if seen is not None else None
        if seen is None or name == "open_comment" or (not plain and _goes_on(seen)):
            token = _rare(query, at)
            found.append(token)
            at = token.end
            continue
        end = seen.end()
        if name == "WORD":
            text = seen[0]
            found.append(Token(Kind.WORD, text, text.upper(), at, end))
        elif name in {"SYMBOL", "dollar"}:
            # Interned, so that the parser's comparisons with symbols end at identity.
            text = sys.intern(seen[0])
            found.append(Token(Kind.SYMBOL, text, text, at, end))
        elif name != "space":
            found.append(Token(_KINDS[str(name)], _content(query, str(name), seen[0], at), "", at, end))
        at = end
    found.append(Token(Kind.END, "", "", length, length))
    return found


def _goes_on(seen: re.Match[str]) -> bool:
    """Whether it is a name that may go on with what is part of a name and no letter or digit: a combining mark."""
    if seen.lastgroup not in {"WORD", "PARAMETER", "dollar"} or "`" in seen[0]:
        return False
    after = seen.string[seen.end() : seen.end() + 1]
    return not (seen[0].isascii() and after.isascii())


def _content(query: str, name: str, text: str, at: int) -> str:
    if name == "STRING":
        return _string(query, text, at)
    if name == "QUOTED":
        return _unquoted(query, text, at)
    if name == "PARAMETER":
        return _unquoted(query, text[1:], at) if text[1] == "`" else text[1:]
    return text


def _unquoted(query: str, text: str, at: int) -> str:
    inner = text[1:-1].replace("``", "`")
    if "\0" in inner or any("\ud800" <= letter <= "\udfff" for letter in inner):
        problem = "A name cannot contain U+0000 or half of a surrogate pair."
        raise CypherError("InvalidUnicodeCharacter", problem, query=query, at=at)
    return inner


def _string(query: str, text: str, at: int) -> str:
    inner = text[1:-1]
    if "\\" in inner:
        inner = _ESCAPE.sub(lambda found: _escaped(query, found[0], at + 1 + found.start()), inner)
        # A pair of \u escapes may stand for one character beyond the sixteen bits of each.
        inner = _SURROGATES.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), inner)
    try:
        inner.encode()
    except UnicodeEncodeError:
        problem = "The string contains half of a surrogate pair, which is not a character."
        raise CypherError("InvalidUnicodeLiteral", problem, query=query, at=at) from None
    return inner


def _escaped(query: str, escape: str, at: int) -> str:
    letter = escape[1]
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    number = int(f"0x{escape[2:]}", 0) if len(escape) > 2 else sys.maxunicode + 1
    if number <= sys.maxunicode:
        return chr(number)
    if letter in "uU":
        wanted = "four" if letter == "u" else "eight"
        problem = f"\\{letter} in a string must be followed by the {wanted} hexadecimal digits of a character."
        raise CypherError("InvalidUnicodeLiteral", problem, query=query, at=at)
    raise CypherError(
        "UnexpectedSyntax",
        f"Invalid escape sequence {escape}.",
        query=query,
        at=at,
        hint="Write \\\\ for a backslash.",
    )


def _rare(query: str, at: int) -> Token:
    """Return a name with letters beyond ASCII (combining marks are part of it), or raise for what is no token."""
    start = at + query.startswith("$", at)
    first = query[start : start + 1]
    named = first.isidentifier() or (start > at and first.isalnum()) or unicodedata.category(first or " ") == "Pc"
    end = start + named
    while start < end < len(query) and f"a{query[end]}".isidentifier():
        end += 1
    text = query[start:end]
    if text and start > at:
        return Token(Kind.PARAMETER, text, "", at, end)
    if text:
        return Token(Kind.WORD, text, text.upper(), at, end)
    letter = query[at]
    if query.startswith("/*", at):
        letter = "open_comment"
    if letter in _OPEN:
        raise CypherError("UnexpectedSyntax", _OPEN[letter], query=query, at=at)
    detail = "UnexpectedSyntax" if letter.isascii() else "InvalidUnicodeCharacter"
    raise CypherError(detail, f"Unexpected character {letter!r} (U+{ord(letter):04X}).", query=query, at=at)
