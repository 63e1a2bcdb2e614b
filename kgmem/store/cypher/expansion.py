"""SQL for what leads on from nodes along a link: one step, or two levels from both ends of a search for paths."""

from collections.abc import Sequence

from kgmem.query.planning.steps import LinkPart
from kgmem.store.cypher.labels import kinds_of
from kgmem.store.graph.layout import Layout

NEVER = "false"
_FILE = "cypher"
# Which rows of a second level are read, and which rows of each level are given: all, or with `shortest` what may be
# part of a path of up to three relationships. Where there is no such path, the second level of one end is given.
_EVERYTHING = {
    "met": "false",
    "met_next": "false",
    "a2_needed": "true",
    "b2_needed": "true",
    "a1_kept": "true",
    "b1_kept": "true",
    "a2_kept": "true",
    "b2_kept": "true",
}
_SHORTEST = {
    "met": "$2 = ANY (a) OR a && b",
    "met_next": "EXISTS (SELECT FROM a2 JOIN b1 USING (there)) OR EXISTS (SELECT FROM b2 JOIN a1 USING (there))",
    "a2_needed": "NOT one.met AND one.na <= one.nb",
    "b2_needed": "NOT one.met AND one.na > one.nb",
    "a1_kept": "one.far OR NOT one.met AND one.nb > 0 OR there = $2 OR there IN (SELECT there FROM b1)",
    "b1_kept": "one.far OR NOT one.met AND one.na > 0 OR there IN (SELECT there FROM a1)",
    "a2_kept": "NOT two.met OR there IN (SELECT there FROM b1)",
    "b2_kept": "NOT two.met OR there IN (SELECT there FROM a1)",
}


def expansion(layout: Layout, link: LinkPart, scopes: Sequence[int] | None, *, backwards: bool) -> str:
    """Give the SQL of what leads on from nodes ($1) along a link: the node, the edge, and the node behind it."""
    return one_way(layout, link, "expand", asked_of_edge(layout, "x", link, scopes), backwards=backwards)


def surroundings(layout: Layout, link: LinkPart, scopes: Sequence[int] | None, most: int, *, shortest: bool) -> str:
    """Give the SQL of two levels from a node ($1) along a link, and of two from another ($2) against it.

    No level has more than `most` rows. With `shortest` it gives no more than a search for the shortest paths needs.
    """
    ahead, back = (expansion(layout, link, scopes, backwards=backwards) for backwards in (False, True))
    return layout.sql(_FILE, "surroundings") % {
        **(_SHORTEST if shortest else _EVERYTHING),
        "ahead": ahead.replace("$1", "ARRAY[$1::bigint]"),
        "back": back.replace("$1", "ARRAY[$2::bigint]"),
        "ahead_next": ahead.replace("$1", "one.a"),
        "back_next": back.replace("$1", "one.b"),
        "most": most,
    }


def one_way(layout: Layout, link: LinkPart, what: str, asked: Sequence[str], *, backwards: bool) -> str:
    """Give the SQL of the edges that lead on along a link, or against it if `backwards`."""
    told = {"asked": "".join(f" AND {each}" for each in asked)}
    out, into = layout.sql(_FILE, f"{what}_out") % told, layout.sql(_FILE, f"{what}_in") % told
    if link.direction == "both":
        return f"{out} UNION ALL {into} AND x.source <> x.target"
    return out if (link.direction == "out") != backwards else into


def asked_of_edge(layout: Layout, alias: str, link: LinkPart, scopes: Sequence[int] | None) -> list[str]:
    """Give the conditions on an edge that may be a link: its type and its scope."""
    found = []
    kinds = kinds_of(layout, link.types)
    if kinds is not None:
        numbers = ",".join(map(str, kinds))
        found.append(f"{alias}.kind IN ({numbers})" if kinds else NEVER)
    if scopes is not None:
        found.append(visible(alias, scopes))
    return found


def visible(alias: str, scopes: Sequence[int]) -> str:
    """Give the condition that a row is of one of the scopes, which are given by their numbers."""
    return f"{alias}.scope = ANY ('{{{','.join(str(int(each)) for each in scopes)}}}'::integer[])"
