"""Label and type expressions: :A:B, :A|B, :!A&(B|C), :%, :$(name)."""

from kgmem.query.lexer import Kind, Token
from kgmem.query.parser.atoms import AtomParser
from kgmem.query.tree.labels import AllLabels, AnyLabel, DynamicLabel, LabelName, Labels, NotLabel, OneLabel


class LabelParser(AtomParser):
    """Reads what follows the colon."""

    # The | that divides a comprehension from its result, and so is none between labels.
    divider: Token | None = None

    def labels(self) -> Labels:
        """Read a label expression; what introduces it (a colon or IS) is past."""
        first = self._conjunction()
        if not self._bar():
            return first
        found = [first]
        while self._bar():
            self.advance()
            self.take(":")
            found.append(self._conjunction())
        return OneLabel(first.at, tuple(found))

    def _bar(self) -> bool:
        return self.token.upper == "|" and self.token is not self.divider

    def _conjunction(self) -> Labels:
        first = self._label()
        if self.token.upper not in {"&", ":"}:
            return first
        found = [first]
        while self.take("&") or self.take(":"):
            found.append(self._label())
        return AllLabels(first.at, tuple(found))

    def _label(self) -> Labels:
        token = self.token
        if token.upper not in {"!", "%", "(", "$"} and token.kind is not Kind.PARAMETER:
            return LabelName(token.at, self.any_name("a label or type"))
        self.enter()
        try:
            return self._special(token)
        finally:
            self.leave()

    def _special(self, token: Token) -> Labels:
        if token.kind is Kind.PARAMETER:
            parameter = self.parameter()
            if parameter.name.lower() in {"all", "any"} and self.token.upper == "(":
                return self._dynamic(token.at, parameter.name.lower())
            return DynamicLabel(token.at, parameter, "all")
        self.advance()
        if token.upper == "!":
            return NotLabel(token.at, self._label())
        if token.upper == "%":
            return AnyLabel(token.at)
        if token.upper == "$":
            return self._dynamic(token.at, "all")
        found = self.labels()
        self.expect(")")
        return found

    def _dynamic(self, at: int, quantifier: str) -> DynamicLabel:
        self.expect("(")
        value = self.expression()
        self.expect(")")
        return DynamicLabel(at, value, quantifier)
