"""What RETURN, WITH and YIELD have in common: columns, order, skip and limit."""

from kgmem.query.lexer import Kind
from kgmem.query.parser.expressions import ExpressionParser
from kgmem.query.tree.clauses import Item, Projection, SortKey
from kgmem.query.tree.expressions import Expression, Variable


class ProjectionParser(ExpressionParser):
    """Reads projections."""

    def projection(self) -> Projection:
        """Read columns with DISTINCT, ORDER BY, SKIP and LIMIT."""
        at = self.token.at
        plain = self.ahead().upper in {",", "AS", "."} or self.ahead().kind is Kind.END
        distinct = not plain and self.take("DISTINCT")
        star = self.take("*")
        items: tuple[Item, ...] = ()
        if not star or self.take(","):
            items = self.listed(self._item)
        order = self._order() if self.take("ORDER") else ()
        skip = self.expression() if self.take("SKIP") or self.take("OFFSET") else None
        limit = self.expression() if self.take("LIMIT") else None
        return Projection(at, distinct, star, items, order, skip, limit)

    def _order(self) -> tuple[SortKey, ...]:
        self.expect("BY")
        return self.listed(self._sort_key)

    def _item(self) -> Item:
        at = self.token.at
        value = self.expression()
        name = value.name if isinstance(value, Variable) else self.query[at : self.passed]
        if not self.take("AS"):
            return Item(at, value, None, name)
        alias = self.variable("a name for the column")
        return Item(at, value, alias, alias.name)

    def _sort_key(self) -> SortKey:
        at = self.token.at
        value: Expression = self.expression()
        descending = self.token.upper in {"DESC", "DESCENDING"}
        if descending or self.token.upper in {"ASC", "ASCENDING"}:
            self.advance()
        return SortKey(at, value, descending)
