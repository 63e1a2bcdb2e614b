"""Clauses and queries as Cypher."""

from kgmem.query.tree import clauses as tree
from tests.unparse.expressions import label_test
from tests.unparse.written import called, listed, name, opt, where, written


@written.register
def _(part: tree.Query) -> str:
    return (" UNION ALL " if part.all else " UNION ").join(map(written, part.parts))


@written.register
def _(part: tree.Part) -> str:
    return listed(part.clauses, " ")


@written.register
def _(part: tree.Match) -> str:
    optional = "OPTIONAL " if part.optional else ""
    return f"{optional}MATCH {listed(part.patterns)}{where(part.where)}"


@written.register
def _(part: tree.Unwind) -> str:
    return f"UNWIND {written(part.source)} AS {written(part.variable)}"


@written.register
def _(part: tree.Item) -> str:
    return f"{written(part.value)}{opt(' AS ', part.alias)}"


@written.register
def _(part: tree.SortKey) -> str:
    return f"{written(part.value)}{' DESC' if part.descending else ''}"


@written.register
def _(part: tree.Projection) -> str:
    columns = ", ".join([*(["*"] if part.star else []), *map(written, part.items)])
    order = f" ORDER BY {listed(part.order)}" if part.order else ""
    distinct = "DISTINCT " if part.distinct else ""
    return f"{distinct}{columns}{order}{opt(' SKIP ', part.skip)}{opt(' LIMIT ', part.limit)}"


@written.register
def _(part: tree.With) -> str:
    return f"WITH {written(part.projection)}{where(part.where)}"


@written.register
def _(part: tree.Return) -> str:
    return f"RETURN {written(part.projection)}"


written.register(tree.Finish, lambda _: "FINISH")


@written.register
def _(part: tree.Create) -> str:
    return f"CREATE {listed(part.patterns)}"


@written.register
def _(part: tree.SetProperty) -> str:
    return f"{written(part.target)} = {written(part.value)}"


@written.register
def _(part: tree.SetProperties) -> str:
    return f"{written(part.variable)} {'+=' if part.merge else '='} {written(part.value)}"


@written.register
def _(part: tree.SetLabels) -> str:
    return f"{written(part.variable)}:{label_test(part.labels)}"


@written.register
def _(part: tree.RemoveProperty) -> str:
    return written(part.target)


@written.register
def _(part: tree.Merge) -> str:
    on_create = f" ON CREATE SET {listed(part.on_create)}" if part.on_create else ""
    on_match = f" ON MATCH SET {listed(part.on_match)}" if part.on_match else ""
    return f"MERGE {written(part.pattern)}{on_create}{on_match}"


@written.register
def _(part: tree.Set) -> str:
    return f"SET {listed(part.items)}"


@written.register
def _(part: tree.Remove) -> str:
    return f"REMOVE {listed(part.items)}"


@written.register
def _(part: tree.Delete) -> str:
    return f"{'DETACH ' if part.detach else ''}DELETE {listed(part.values)}"


@written.register
def _(part: tree.Foreach) -> str:
    return f"FOREACH ({written(part.variable)} IN {written(part.source)} | {listed(part.updates, ' ')})"


@written.register
def _(part: tree.Yielded) -> str:
    return f"{name(part.name)} AS {written(part.variable)}"


@written.register
def _(part: tree.CallProcedure) -> str:
    optional = "OPTIONAL " if part.optional else ""
    arguments = "" if part.arguments is None else f"({listed(part.arguments)})"
    yielded = ""
    if part.yielded is not None:
        yielded = " YIELD " + ("*" if part.star else listed(part.yielded) or "-")
    return f"{optional}CALL {called(part.name)}{arguments}{yielded}{where(part.where)}"


@written.register
def _(part: tree.CallSubquery) -> str:
    optional = "OPTIONAL " if part.optional else ""
    imports = "" if part.imports is None else f"({'*' if part.star else listed(part.imports)}) "
    return f"{optional}CALL {imports}{{ {written(part.body)} }}{opt('', part.transactions)}"


@written.register
def _(part: tree.Transactions) -> str:
    concurrent = " CONCURRENT" if part.concurrent else ""
    rows = opt(" OF ", part.rows, " ROWS")
    on_error = f" ON ERROR {part.on_error}" if part.on_error else ""
    return (
        f" IN{opt(' ', part.workers)}{concurrent} TRANSACTIONS{rows}{on_error}{opt(' REPORT STATUS AS ', part.report)}"
    )


@written.register
def _(part: tree.Use) -> str:
    return f"USE {called(part.graph) if isinstance(part.graph, str) else written(part.graph)}"
