"""What is found of a query before it runs: scopes, types, grouping, columns; and what is refused."""

import pytest

from kgmem.query.analysis.scope import Analysed
from kgmem.query.analysis.statements import analyse
from kgmem.query.errors import CypherError
from kgmem.query.tree.clauses import Match, Query, Return, With
from kgmem.query.types import ANY, INTEGER, NODE, PATH, RELATIONSHIP, STRING, Field, ProcedureSignature, list_of
from tests.daily_queries import DAILY

PROCEDURES = {
    each.name: each
    for each in (
        ProcedureSignature("db.labels", (), (Field("label", STRING),)),
        ProcedureSignature("db.x", (Field("a", ANY), Field("b", INTEGER, optional=True)), (Field("y", INTEGER),)),
        ProcedureSignature("db.write", (), (), writes=True),
    )
}


def found(query: str) -> Analysed:
    return analyse(query, procedures=PROCEDURES)


def refused(query: str) -> str:
    with pytest.raises(CypherError) as caught:
        found(query)
    return caught.value.detail


def last(query: str) -> tuple[Analysed, Return]:
    analysed = found(query)
    body = analysed.statement.body
    assert isinstance(body, Query)
    clause = body.parts[0].clauses[-1]
    assert isinstance(clause, Return)
    return analysed, clause


@pytest.mark.parametrize("query", DAILY)
def test_what_is_in_daily_use_is_understood(query: str) -> None:
    assert found(query).text == query


def test_each_clause_has_the_variables_that_can_be_seen_after_it() -> None:
    analysed = found("MATCH p = (a)-[r]->(b)-[s*]->() WITH a, p AS q UNWIND [1, 2] AS x RETURN *")
    body = analysed.statement.body
    assert isinstance(body, Query)
    match, with_, unwind, _ = body.parts[0].clauses
    assert isinstance(match, Match)
    assert isinstance(with_, With)
    kinds = {"a": NODE, "r": RELATIONSHIP, "b": NODE, "s": list_of(RELATIONSHIP), "p": PATH}
    assert dict(analysed.after(match)) == kinds
    assert dict(analysed.after(with_)) == {"a": NODE, "q": PATH}
    assert dict(analysed.after(unwind)) == {"a": NODE, "q": PATH, "x": INTEGER}
    assert analysed.names == ("a", "q", "x")


def test_star_stands_for_the_variables_in_order_of_their_names() -> None:
    assert found("MATCH (b), (a) RETURN *, 1 AS c").names == ("a", "b", "c")


def test_order_by_names_the_columns_that_it_repeats_once_rows_are_grouped() -> None:
    analysed, clause = last("MATCH (n) RETURN n.x AS x, count(*) AS c ORDER BY n.x + 1, x, count(*) DESC")
    projected = analysed.projected(clause.projection)
    assert projected.grouped
    assert not projected.sees_before
    again, same = last("MATCH (n) RETURN n.x AS x, count(*) AS c ORDER BY x + 1, x, c DESC")
    assert projected.order == again.projected(same.projection).order
    assert [column.aggregates for column in projected.columns] == [False, True]


def test_order_by_sees_what_was_there_before_where_nothing_is_grouped() -> None:
    analysed, clause = last("MATCH (n) RETURN n.x AS x ORDER BY n.y, x")
    assert analysed.projected(clause.projection).sees_before


def test_where_of_a_with_sees_both_sides() -> None:
    assert found("MATCH (n) WITH n.x AS x WHERE n.y = 1 AND x = 2 RETURN x").names == ("x",)
    assert refused("MATCH (n) WITH n.x AS x, count(*) AS c WHERE n.y = 1 RETURN x") == "UndefinedVariable"


@pytest.mark.parametrize(
    ("query", "writes"),
    [
        ("MATCH (n) RETURN n", False),
        ("MATCH (n) SET n.x = 1", True),
        ("MATCH (n) CALL (n) { CREATE (:A) } RETURN n", True),
        ("CALL db.labels()", False),
        ("CALL db.write()", True),
        ("SHOW INDEXES", False),
        ("DROP INDEX i", True),
        ("EXPLAIN CREATE (n)", True),
    ],
)
def test_it_is_known_whether_a_statement_writes(query: str, writes: bool) -> None:
    assert found(query).writes is writes


def test_parameters_that_are_used_are_named() -> None:
    query = "MATCH (n:$label {x: $x}) WHERE n.y IN [z IN $list WHERE z > $`a b`] RETURN n SKIP $s"
    assert found(query).parameters == {"label", "x", "list", "a b", "s"}
    assert analyse("RETURN $x", parameters=["x", "y"]).parameters == {"x"}


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        # Subqueries
        ("MATCH (n) CALL { MATCH (m) WHERE m = n RETURN m } RETURN m", "UndefinedVariable"),
        ("MATCH (n) CALL { WITH n RETURN n AS m } CALL (m) { RETURN n AS o } RETURN o", "UndefinedVariable"),
        ("MATCH (n), (m) CALL (n) { RETURN 1 AS m } RETURN m", "VariableAlreadyBound"),
        ("MATCH (n) CALL (n) { WITH 1 AS n RETURN n AS o } RETURN o", "VariableAlreadyBound"),
        ("MATCH (n) CALL (n) { MATCH (n)-->(m) } RETURN n", "InvalidClauseComposition"),
        ("MATCH (n) RETURN COLLECT { MATCH (m) RETURN m, n }", "InvalidClauseComposition"),
        ("MATCH (n) WHERE COUNT { CREATE (m) } > 1 RETURN n", "InvalidClauseComposition"),
        ("MATCH (n) WHERE EXISTS { MATCH (m) RETURN m } RETURN m", "UndefinedVariable"),
        ("CALL { RETURN 1 AS x UNION RETURN 2 AS y } RETURN x", "DifferentColumnsInUnion"),
        # Composition
        ("MATCH (n)", "InvalidClauseComposition"),
        ("MATCH (n) RETURN n MATCH (m) RETURN m", "InvalidClauseComposition"),
        ("MATCH (n) WITH n", "InvalidClauseComposition"),
        ("RETURN 1 AS x UNION CREATE (n)", "DifferentColumnsInUnion"),
        ("MATCH (n) FOREACH (x IN [1] | MATCH (m))", "InvalidClauseComposition"),
        ("MATCH (n) USE g RETURN n", "InvalidClauseComposition"),
        ("MATCH (n) CALL db.x(n) YIELD y", "InvalidClauseComposition"),
        # Kinds and types
        ("MATCH (n)-[n]->() RETURN n", "VariableTypeConflict"),
        ("MATCH (a)-[r]->(b), (c)-[r]->(d) RETURN r", "RelationshipUniquenessViolation"),
        ("UNWIND [1] AS n MATCH (n) RETURN n", "VariableTypeConflict"),
        ("MATCH (n) SET n = 1", "InvalidArgumentType"),
        ("WITH 1 AS x SET x.y = 1", "InvalidArgumentType"),
        ("MATCH (n) RETURN sqrt('x')", "InvalidArgumentType"),
        ("RETURN [1, 2]['a']", "InvalidArgumentType"),
        ("RETURN {a: 1} + 1", "InvalidArgumentType"),
        ("RETURN CASE WHEN 1 THEN 2 END", "InvalidArgumentType"),
        ("MATCH (n) RETURN n LIMIT 'x'", "InvalidArgumentType"),
        ("MATCH p = (n)-->() RETURN type(p)", "InvalidArgumentType"),
        ("RETURN reduce(t = 0, x IN 'abc' | t + x)", "InvalidArgumentType"),
        # Aggregation
        ("MATCH (n) RETURN n.x + sum(n.y)", "AmbiguousAggregationExpression"),
        ("MATCH (n) RETURN [x IN collect(n) | count(x)]", "InvalidAggregation"),
        ("MATCH (n) RETURN sum(count(n))", "NestedAggregation"),
        ("MATCH (n) SET n.x = count(n)", "InvalidAggregation"),
        ("UNWIND collect(1) AS x RETURN x", "InvalidAggregation"),
        ("MATCH (n) RETURN DISTINCT n.x ORDER BY count(n)", "InvalidAggregation"),
        ("MATCH (n) RETURN n.x AS x, count(*) ORDER BY max(x)", "InvalidAggregation"),
        ("RETURN abs(DISTINCT 1)", "UnexpectedSyntax"),
        ("RETURN count(1, 2)", "InvalidNumberOfArguments"),
        # Patterns
        ("MATCH p = shortestPath((a)-->(b)-->(c)) RETURN p", "InvalidRelationshipPattern"),
        ("MATCH p = SHORTEST 0 (a)-->(b) RETURN p", "NumberOutOfRange"),
        ("MATCH (a)-[r* WHERE r.x = 1]->(b) RETURN r", "InvalidRelationshipPattern"),
        ("MATCH (a) MATCH ((a)-->(b)){2} RETURN b", "VariableAlreadyBound"),
        ("CREATE (n:A|B)", "UnexpectedSyntax"),
        ("CREATE (n WHERE n.x = 1)", "UnexpectedSyntax"),
        ("MATCH (n) SET n:!A", "UnexpectedSyntax"),
        ("CREATE ((a)-[:R]->(b)){2}", "UnexpectedSyntax"),
        ("CREATE (a)-[:R]->{1,2}(b)", "CreatingVarLength"),
        # Procedures and commands
        ("CALL db.x(1, 2, 3)", "InvalidNumberOfArguments"),
        ("CALL db.x(1, 'a')", "InvalidArgumentType"),
        ("CALL db.none()", "ProcedureNotFound"),
        ("CALL db.x(1) YIELD z RETURN z", "UndefinedVariable"),
        ("SHOW INDEXES YIELD name, nothing", "UndefinedVariable"),
        ("SHOW INDEXES WHERE createStatement = ''", "UndefinedVariable"),
        ("CREATE INDEX FOR (n:A) ON (m.x)", "UndefinedVariable"),
    ],
)
def test_what_cannot_mean_anything_is_refused(query: str, detail: str) -> None:
    assert refused(query) == detail


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (n) CALL { WITH n MATCH (n)-->(m) RETURN m } RETURN n, m",
        "MATCH (n) CALL { WITH * MATCH (n)-->(m) RETURN m UNION WITH n RETURN n AS m } RETURN n, m",
        "MATCH (n) CALL (n) { WITH n.x AS y MATCH (n)-->(m) RETURN m, y } RETURN m, y",
        "MATCH (n) WHERE EXISTS { WITH 1 AS x MATCH (n)-->(m) WHERE m.x = x } RETURN n",
        "MATCH (n) RETURN COUNT { MATCH (n)-->(m) RETURN DISTINCT m.x } AS c ORDER BY n.x",
        "MATCH (n) RETURN n, n.x + count(*)",
        "MATCH (n) RETURN n.x, n.x + count(*) + size([y IN collect(n.y) | y])",
        "MATCH (n) RETURN n.x, sum(n.y), [n.x, sum(n.y)] AS both ORDER BY n.x, sum(n.y), both",
        "MATCH (a)-[r]->(b) MATCH (a)-[r]->(c) RETURN c",
        "MATCH ((a)-[r]->(b)){2} RETURN size(a), [x IN r | x.y]",
        "MATCH (a)-[r:R WHERE r.x > 1]->{1,3}(b) RETURN r[0]",
        "WITH null AS n OPTIONAL MATCH (n)-->(m) RETURN m",
        "MATCH (n) WITH collect(n) AS ns UNWIND ns AS n MATCH (n)-->(m) RETURN m",
        "CREATE (a)-[:R]->(a)",
        "MATCH (n) RETURN 1 AS x UNION MATCH (n) RETURN 2 AS x UNION MATCH (n) RETURN 3 AS x",
        "RETURN 1 AS a, 2 AS b UNION RETURN 3 AS b, 4 AS a",
        "MATCH (n) DELETE n RETURN count(*)",
        "CALL db.x(1) YIELD y AS z WHERE z > 1",
    ],
)
def test_what_means_something_is_understood(query: str) -> None:
    assert found(query)


def test_columns_of_a_union_have_the_type_that_holds_both() -> None:
    (column,) = found("RETURN 1 AS x UNION RETURN 'a' AS x").columns
    assert column.type == ANY
    (column,) = found("RETURN [1] AS x UNION RETURN [null] AS x").columns
    assert column.type == list_of(INTEGER)


def test_missing_parameter_of_a_call_that_stands_alone_is_told() -> None:
    with pytest.raises(CypherError) as caught:
        analyse("CALL db.x", parameters=["b"], procedures=PROCEDURES)
    assert (caught.value.type, caught.value.detail) == ("ParameterMissing", "MissingParameter")
    assert analyse("CALL db.x", parameters=["a"], procedures=PROCEDURES).names == ("y",)
