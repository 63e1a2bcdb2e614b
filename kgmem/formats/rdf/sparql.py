"""SPARQL updates that do nothing but INSERT DATA, as TriG: what is between their braces is nearly that.

Nothing is executed: no other operation is read, so that no file can make kgmem load or call anything.
"""

import re
from typing import Final

from kgmem.domain.errors import InvalidInput

_TOKEN = re.compile(
    rb"""(?P<space>\s+|\#[^\n\r]*)
      |(?P<iri><[^<>"{}|^`\\\x00-\x20]*>)
      |(?P<string>\"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"{3}|'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'{3}
        |"[^"\\\n\r]*(?:\\.[^"\\\n\r]*)*"|'[^'\\\n\r]*(?:\\.[^'\\\n\r]*)*')
      |(?P<sign>[{}.;,()\[\]])
      |(?P<name>(?:[^\s<>"'{}.;,()\[\]\\\#]|\\.|\.(?=[^\s<>"'{}.;,()\[\]\#]))+)
      |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_MEND: Final = "Only INSERT DATA { ... } is read, with PREFIX and BASE before it."


def trig_of_update(update: bytes) -> bytes:
    """Return the data of an update as TriG, each token on its line. Raises InvalidInput for any other operation."""
    reading = _Update(update)
    return reading.trig()


class _Update:
    """An update being read, token by token."""

    def __init__(self, update: bytes) -> None:
        self._update = update
        self._tokens = _TOKEN.finditer(update)
        self._out: list[bytes] = []
        self._last_start = 0

    def trig(self) -> bytes:
        """Return the whole as TriG."""
        while token := self._next():
            word = token[0].upper()
            if word in {b"PREFIX", b"BASE"}:
                self._out.append(token[0])
                self._prologue(2 if word == b"PREFIX" else 1)
            elif word == b"INSERT":
                self._expect(b"DATA")
                self._expect(b"{")
                self._data()
            elif word != b";":
                raise self._refused(token[0])
        return b"".join(self._out)

    def _prologue(self, parts: int) -> None:
        """Return on what belongs to a PREFIX or BASE."""
        for _ in range(parts):
            token = self._next()
            if token is None or token.lastgroup not in {"name", "iri"}:
                raise self._refused(token[0] if token else b"the end")
            self._out.append(token[0])

    def _data(self) -> None:
        """Return on what is between the braces: triples, and graphs with a brace of their own."""
        self._out.append(b"{")
        while token := self._next():
            if token.lastgroup == "name" and token[0].upper() == b"GRAPH":
                self._out.append(b"} GRAPH")
                self._graph()
                self._out.append(b"{")
            elif token[0] == b"{":
                raise self._refused(token[0])
            else:
                self._out.append(token[0])
                if token[0] == b"}":
                    return
        raise self._refused(b"the end")

    def _graph(self) -> None:
        """Return on a graph to its closing brace; a dot may follow it."""
        opened = False
        while token := self._next():
            self._out.append(token[0])
            if token[0] == b"{":
                if opened:
                    break
                opened = True
            elif token[0] == b"}":
                if opened:
                    self._skip_dot()
                    return
                break
        raise self._refused(token[0] if token else b"the end")

    def _skip_dot(self) -> None:
        at = self._last_start + 1
        following = re.compile(rb"(?:\s|#[^\n\r]*+)*\.").match(self._update, at)
        if following:
            self._out.append(following[0][:-1])
            self._tokens = _TOKEN.finditer(self._update, following.end())

    def _expect(self, word: bytes) -> None:
        token = self._next()
        if token is None or token[0].upper() != word:
            raise self._refused(token[0] if token else b"the end")

    def _next(self) -> re.Match[bytes] | None:
        """Return the next token that says something; white space and comments are given on."""
        for token in self._tokens:
            self._last_start = token.start()
            if token.lastgroup != "space":
                return token
            # A comment may hold anything, also what ends one in another place.
            self._out.append(token[0])
        self._last_start = len(self._update)
        return None

    def _refused(self, token: bytes) -> InvalidInput:
        line = self._update.count(b"\n", 0, self._last_start) + 1
        shown = token[:60].decode(errors="replace")
        return InvalidInput(f"Line {line}: {shown!r} is not read here.", hint=_MEND, line=line)
