"""Cypher's grammar: what is understood as what."""

import pytest

from kgmem.query.errors import CypherError
from kgmem.query.parser.statements import parse
from kgmem.query.tree.clauses import (
    CallSubquery,
    Clause,
    CreateConstraint,
    CreateIndex,
    Drop,
    Match,
    Query,
    Return,
    Show,
)
from kgmem.query.tree.expressions import (
    And,
    Arithmetic,
    Case,
    Comparison,
    Expression,
    IntegerLiteral,
    ListComprehension,
    ListLiteral,
    Not,
    Or,
    Variable,
)
from kgmem.query.tree.patterns import (
    AllLabels,
    GroupPattern,
    HasLabels,
    LabelName,
    Length,
    NodePattern,
    NotLabel,
    OneLabel,
    PatternComprehension,
    PatternPredicate,
    RelationshipPattern,
)
from tests.daily_queries import DAILY
from tests.unparse import unparse


def clauses(query: str) -> tuple[Clause, ...]:
    body = parse(query).body
    assert isinstance(body, Query)
    return body.parts[0].clauses


def returned(expression: str) -> Expression:
    (clause,) = clauses(f"RETURN {expression}")
    assert isinstance(clause, Return)
    return clause.projection.items[0].value


def matched(pattern: str) -> Match:
    match, *_ = clauses(f"MATCH {pattern} RETURN 1")
    assert isinstance(match, Match)
    return match


def number(value: int) -> IntegerLiteral:
    return IntegerLiteral(0, value)


def named(name: str) -> Variable:
    return Variable(0, name)


@pytest.mark.parametrize("query", DAILY)
def test_what_is_in_daily_use_is_understood_and_comes_back_from_its_text(query: str) -> None:
    tree = parse(query)
    assert parse(unparse(tree)) == tree


@pytest.mark.parametrize(
    ("written", "grouped"),
    [
        ("1 + 2 * 3 ^ 4", "1 + (2 * (3 ^ 4))"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("2 ^ 3 ^ 4", "(2 ^ 3) ^ 4"),
        ("-2 ^ 2", "(-2) ^ 2"),
        ("-x.y", "-(x.y)"),
        ("NOT a AND b OR c XOR d", "((NOT a) AND b) OR (c XOR d)"),
        ("NOT a = b", "NOT (a = b)"),
        ("a = b + 1 AND c", "(a = (b + 1)) AND c"),
        ("a IN b = c", "(a IN b) = c"),
        ("a IS NULL = b", "(a IS NULL) = b"),
        ("'a' + b STARTS WITH c + d", "('a' + b) STARTS WITH (c + d)"),
        ("a.b[0].c[1..2]", "((((a.b)[0]).c)[1..2])"),
        ("a:B AND c", "(a:B) AND c"),
        ("a || b + c", "(a || b) + c"),
    ],
)
def test_operators_bind_as_opencypher_says(written: str, grouped: str) -> None:
    assert returned(written) == returned(grouped)


def test_operators_of_one_kind_are_one_node() -> None:
    a, b, c = named("a"), named("b"), named("c")
    assert returned("a AND b AND c") == And(0, (a, b, c))
    assert returned("a OR b OR c") == Or(0, (a, b, c))
    assert returned("a < b <= c") == Comparison(0, a, (("<", b), ("<=", c)))
    assert returned("(a AND b) AND c") == And(0, (And(0, (a, b)), c))


def test_sign_is_part_of_the_number_it_stands_before() -> None:
    assert returned("-9223372036854775808") == number(-(2**63))
    assert returned("1 -1") == Arithmetic(0, "-", number(1), number(1))
    assert returned("-0x8000000000000000") == number(-(2**63))


@pytest.mark.parametrize("text", ["9223372036854775808", "-(9223372036854775808)", "1" * 100_000, "0x" + "f" * 50])
def test_integer_beyond_64_bits_is_refused(text: str) -> None:
    with pytest.raises(CypherError) as caught:
        parse(f"RETURN {text}")
    assert caught.value.detail == "IntegerOverflow"


def test_keywords_are_names_where_no_keyword_can_stand() -> None:
    query = "MATCH (match:Return {where: 1}) RETURN match.order AS end, match AS limit ORDER BY end, limit LIMIT 3"
    assert parse(query) == parse(query.replace("match", "`match`").replace("AS end", "AS `end`"))
    assert returned("count") == named("count")


@pytest.mark.parametrize(
    "written", ["(a)-->(b)", "()--()", "(a:A)<-[:R]-()", "(a {x: 1})-[r:R*1..2]-(b)", "(a)<-->(b)"]
)
def test_pattern_in_an_expression_is_a_predicate(written: str) -> None:
    assert isinstance(returned(f"NOT {written}"), Not)
    assert isinstance(returned(written), PatternPredicate)


@pytest.mark.parametrize("written", ["(a) - (b)", "(a) - [1][0]", "(a) < -1", "(a) - -1", "(a + b) - (c)", "(a)"])
def test_parentheses_that_only_look_like_a_pattern_are_an_expression(written: str) -> None:
    assert isinstance(returned(written), Arithmetic | Comparison | Variable)


@pytest.mark.parametrize("subject", ["(x)", "[1]", "{a: 1}", "-1", "'a'", "$x", "x.y", "NOT x", "[x IN y | x]"])
def test_subject_of_a_case_may_be_any_expression(subject: str) -> None:
    found = returned(f"CASE {subject} WHEN 1 THEN 2 END")
    assert isinstance(found, Case)
    assert found.subject == returned(subject)


def test_brackets_are_told_apart() -> None:
    assert isinstance(returned("[x IN y | x]"), ListComprehension)
    assert isinstance(returned("[(x) IN y]"), ListLiteral)
    assert isinstance(returned("[(a)-->(b) | b]"), PatternComprehension)
    assert isinstance(returned("[p = (a)-->(b) WHERE b:A|B | p]"), PatternComprehension)
    assert isinstance(returned("[(a) - 1, 2]"), ListLiteral)


def test_bar_in_a_comprehension_divides_and_does_not_join_labels() -> None:
    found = returned("[x IN xs WHERE x:A | x.name]")
    assert isinstance(found, ListComprehension)
    assert found.where == HasLabels(0, named("x"), LabelName(0, "A"))
    joined = returned("[x IN xs WHERE x:A|B | x.name]")
    assert isinstance(joined, ListComprehension)
    assert joined.where == HasLabels(0, named("x"), OneLabel(0, (LabelName(0, "A"), LabelName(0, "B"))))


def test_label_expressions_bind_not_before_and_before_or() -> None:
    a, b, c = (LabelName(0, name) for name in "ABC")
    (pattern,) = matched("(:!A&B|C)").patterns
    assert isinstance(pattern.elements[0], NodePattern)
    assert pattern.elements[0].labels == OneLabel(0, (AllLabels(0, (NotLabel(0, a), b)), c))
    assert matched("(:A:B)") == matched("(:A&B)")
    assert matched("()-[:A|:B]-()") == matched("()-[:A|B]-()")
    assert matched("(n IS A)") == matched("(n:A)")


@pytest.mark.parametrize(
    ("written", "least", "most"),
    [("*", None, None), ("*2", 2, 2), ("*1..3", 1, 3), ("*..3", None, 3), ("*2..", 2, None), ("*0..", 0, None)],
)
def test_lengths_have_open_and_closed_ends(written: str, least: int | None, most: int | None) -> None:
    (pattern,) = matched(f"()-[{written}]-()").patterns
    relationship = pattern.elements[1]
    assert isinstance(relationship, RelationshipPattern)
    assert relationship.length == Length(0, least, most)


def test_groups_repeat_and_stand_between_nodes() -> None:
    (pattern,) = matched("(a)((x)-[:R]->(y) WHERE x.v < y.v){1,3}(b)").patterns
    assert [type(element) for element in pattern.elements] == [NodePattern, GroupPattern, NodePattern]
    group = pattern.elements[1]
    assert isinstance(group, GroupPattern)
    assert group.quantifier == Length(0, 1, 3)
    assert matched("(a)-[:R]->+(b)") == matched("(a)-[:R]->{1,}(b)")


def test_dashes_and_arrows_of_other_alphabets_make_relationships() -> None:
    assert matched("(a)—[:R]—〉(b)") == matched("(a)-[:R]->(b)")


def test_column_has_the_text_as_it_was_written() -> None:
    (clause,) = clauses("RETURN  n . name /* c */ , count( * ) AS c, `a b`, 1+ 2 /* d */ ORDER BY 1")
    assert isinstance(clause, Return)
    assert [item.name for item in clause.projection.items] == ["n . name", "c", "a b", "1+ 2"]


def test_subqueries_say_what_they_import() -> None:
    imports = []
    for written in ("{ RETURN 1 AS x }", "() { RETURN 1 AS x }", "(*) { RETURN 1 AS x }", "(a, b) { RETURN 1 AS x }"):
        call, *_ = clauses(f"CALL {written} RETURN x")
        assert isinstance(call, CallSubquery)
        imports.append((call.star, call.imports))
    assert imports == [(False, None), (False, ()), (True, ()), (False, (named("a"), named("b")))]


def test_what_stands_before_a_query_is_known() -> None:
    assert parse("EXPLAIN RETURN 1").mode == "EXPLAIN"
    assert parse("profile CYPHER 5 runtime=slotted planner = cost RETURN 1;").mode == "PROFILE"
    assert parse("CYPHER RETURN 1") == parse("RETURN 1")


def test_commands_are_no_queries() -> None:
    kinds = {
        "SHOW INDEXES": Show,
        "SHOW CURRENT USER YIELD user": Show,
        "CREATE INDEX FOR (n:A) ON (n.x)": CreateIndex,
        "CREATE CONSTRAINT FOR (n:A) REQUIRE n.x IS UNIQUE": CreateConstraint,
        "DROP INDEX i IF EXISTS": Drop,
        "CREATE (index)": Query,
    }
    assert {query: type(parse(query).body) for query in kinds} == kinds
