"""Statements: a whole text, with the words that may stand before the query."""

from kgmem.query.lexer import Kind
from kgmem.query.parser.commands import CommandParser
from kgmem.query.tree.commands import Statement


class StatementParser(CommandParser):
    """Reads a statement."""

    def statement(self) -> Statement:
        """Read the text to its end."""
        at = self.token.at
        mode = None
        while True:
            if self.token.upper in {"EXPLAIN", "PROFILE"}:
                mode = self.advance().upper
            elif not self.take("CYPHER"):
                break
            else:
                self._options_of_cypher()
        body = self.command() if self.command_stands() else self.read_query()
        self.ends_here()
        return Statement(at, mode, body)

    def _options_of_cypher(self) -> None:
        """Go past the version and the options of CYPHER: they steer another engine's planner and runtime."""
        if self.token.kind in {Kind.INTEGER, Kind.FLOAT}:
            self.advance()
        while self.named() and self.ahead().upper == "=":
            self.advance()
            self.advance()
            self.advance()


def parse(query: str) -> Statement:
    """Give the tree of a query or command. Raises CypherError with the place of what is not understood."""
    return StatementParser(query).statement()
