"""Random trees, written as Cypher and read again: whatever can be built comes back, parentheses and all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgmem.query.parser.statements import parse
from kgmem.query.tree import expressions as tree
from kgmem.query.tree import patterns as label
from kgmem.query.tree import patterns as pattern
from kgmem.query.tree.clauses import Item, Part, Projection, Query, Return, Statement
from tests.unparse import unparse

# Keywords and odd letters come often: they are what a writer gets wrong.
WORDS = ["x", "n", "end", "case", "not", "null", "exists", "count", "all", "any", "in", "IS", "where", "AND", "_", "é"]
NAMES = st.sampled_from(WORDS) | st.text(min_size=1, max_size=4)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
AT = st.just(0)
VARIABLES = st.builds(tree.Variable, AT, NAMES)
FUNCTIONS = st.sampled_from(["f", "date.truncate", "count", "exists", "all", "reduce", "trim", "shortestPath"])
LITERALS = st.one_of(
    st.builds(tree.NullLiteral, AT),
    st.builds(tree.BooleanLiteral, AT, st.booleans()),
    st.builds(tree.IntegerLiteral, AT, st.integers(-(2**63), 2**63 - 1)),
    st.builds(tree.FloatLiteral, AT, st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(tree.StringLiteral, AT, TEXTS),
    st.builds(tree.Parameter, AT, NAMES),
    st.builds(tree.CountAll, AT),
    VARIABLES,
)
ONE_LABEL = st.builds(label.LabelName, AT, NAMES) | st.builds(label.AnyLabel, AT)
LABELS = st.recursive(
    ONE_LABEL,
    lambda inner: st.one_of(
        st.builds(label.NotLabel, AT, inner),
        st.builds(label.AllLabels, AT, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(label.OneLabel, AT, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=4,
)
NODES = st.builds(pattern.NodePattern, AT, st.none() | VARIABLES, st.none() | LABELS, st.none(), st.none())
LENGTHS = st.builds(pattern.Length, AT, st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))
RELATIONSHIPS = st.builds(
    pattern.RelationshipPattern, AT, st.none() | VARIABLES, st.none() | LABELS, st.none(), st.none(),
    st.sampled_from(["in", "out", "both"]), st.none() | LENGTHS, st.none(),
)  # fmt: skip
PATHS = st.builds(pattern.PathPattern, AT, st.none(), st.none(), st.tuples(NODES, RELATIONSHIPS, NODES))
TYPES = st.builds(tree.TypeName, AT, st.sampled_from(["INTEGER", "LOCAL TIME", "ANY"]), st.just(()), st.booleans())
COMPARED = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


def several(inner: st.SearchStrategy[tree.Expression], least: int) -> st.SearchStrategy[tuple[tree.Expression, ...]]:
    return st.lists(inner, min_size=least, max_size=3).map(tuple)


def composed(inner: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tree.Expression]:
    maybe = st.none() | inner
    return st.one_of(
        st.builds(tree.ListLiteral, AT, several(inner, 0)),
        st.builds(tree.MapLiteral, AT, st.lists(st.tuples(NAMES, inner), max_size=2).map(tuple)),
        st.builds(tree.Property, AT, inner, NAMES),
        st.builds(tree.Index, AT, inner, inner),
        st.builds(tree.Slice, AT, inner, maybe, maybe),
        st.builds(tree.Arithmetic, AT, st.sampled_from(["+", "-", "*", "/", "%", "^", "||"]), inner, inner),
        st.builds(tree.Signed, AT, st.sampled_from("+-"), inner),
        st.builds(tree.Not, AT, inner),
        *(st.builds(kind, AT, several(inner, 2)) for kind in (tree.And, tree.Or, tree.Xor)),
        st.builds(tree.Comparison, AT, inner, st.lists(st.tuples(COMPARED, inner), min_size=1, max_size=2).map(tuple)),
        st.builds(tree.Test, AT, st.sampled_from(["IN", "STARTS WITH", "ENDS WITH", "CONTAINS", "=~"]), inner, inner),
        st.builds(tree.IsNull, AT, inner, st.booleans()),
        st.builds(tree.IsTyped, AT, inner, TYPES, st.booleans()),
        st.builds(tree.Call, AT, FUNCTIONS, several(inner, 1), st.booleans()),
        st.builds(label.HasLabels, AT, inner, LABELS),
        st.builds(tree.Case, AT, maybe, st.lists(branches(inner), min_size=1, max_size=2).map(tuple), maybe),
        st.builds(tree.ListComprehension, AT, VARIABLES, inner, maybe, maybe),
        st.builds(tree.ListPredicate, AT, st.sampled_from(["all", "any", "none", "single"]), VARIABLES, inner, maybe),
        st.builds(tree.Reduce, AT, VARIABLES, inner, VARIABLES, inner, inner),
        st.builds(tree.MapProjection, AT, VARIABLES, st.lists(projected(inner), max_size=3).map(tuple)),
        st.builds(pattern.PatternPredicate, AT, PATHS),
        st.builds(pattern.PatternComprehension, AT, PATHS, maybe, inner),
    )


def branches(inner: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tree.Branch]:
    return st.builds(tree.Branch, AT, several(inner, 1), inner)


def projected(inner: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tree.ProjectedItem]:
    entries = st.builds(tree.ProjectedEntry, AT, NAMES, inner)
    return st.one_of(st.builds(tree.ProjectedAll, AT), st.builds(tree.ProjectedProperty, AT, NAMES), entries, VARIABLES)


@pytest.mark.long
@given(st.recursive(LITERALS, composed, max_leaves=12))
@settings(max_examples=200, deadline=None)
def test_every_expression_comes_back_from_its_text(expression: tree.Expression) -> None:
    item = Item(0, expression, tree.Variable(0, "x"), "x")
    returned = Return(0, Projection(0, False, False, (item,), (), None, None))
    statement = Statement(0, None, Query(0, (Part(0, (returned,)),), False))
    text = unparse(statement)
    assert parse(text) == statement, text
