"""SQL for what leads on from nodes along a link: one step, or two levels from both ends of a search for paths."""

from collections.abc import Sequence

from kgmem.query.planning.steps import LinkPart
from kgmem.store.cypher.labels import kinds_of
from kgmem.store.db.sql import SQL, compose, fill, join, number, parameter, replaced
from kgmem.store.graph.layout import Layout

NEVER = SQL("false")
_FILE = "cypher"
# Which rows of a second level are read, and which rows of each level are given: all, or with `shortest` what may be
# part of a path of up to three relationships. Where there is no such path, the second level of one end is given.
_EVERYTHING = {
    "met": SQL("false"),
    "met_next": SQL("false"),
    "a2_needed": SQL("true"),
    "b2_needed": SQL("true"),
    "a1_kept": SQL("true"),
    "b1_kept": SQL("true"),
    "a2_kept": SQL("true"),
    "b2_kept": SQL("true"),
}
_SHORTEST = {
    "met": SQL("$2 = ANY (a) OR a && b"),
    "met_next": SQL("EXISTS (SELECT FROM a2 JOIN b1 USING (there)) OR EXISTS (SELECT FROM b2 JOIN a1 USING (there))"),
    "a2_needed": SQL("NOT one.met AND one.na <= one.nb"),
    "b2_needed": SQL("NOT one.met AND one.na > one.nb"),
    "a1_kept": SQL("one.far OR NOT one.met AND one.nb > 0 OR there = $2 OR there IN (SELECT there FROM b1)"),
    "b1_kept": SQL("one.far OR NOT one.met AND one.na > 0 OR there IN (SELECT there FROM a1)"),
    "a2_kept": SQL("NOT two.met OR there IN (SELECT there FROM b1)"),
    "b2_kept": SQL("NOT two.met OR there IN (SELECT there FROM a1)"),
}


def expansion(layout: Layout, link: LinkPart, scopes: Sequence[int] | None, *, backwards: bool) -> SQL:
    """Return the SQL of what leads on from nodes ($1) along a link: the node, the edge, and the node behind it."""
    return one_way(layout, link, "expand", asked_of_edge(layout, SQL("x"), link, scopes), backwards=backwards)


def surroundings(layout: Layout, link: LinkPart, scopes: Sequence[int] | None, most: int, *, shortest: bool) -> SQL:
    """Return the SQL of two levels from a node ($1) along a link, and of two from another ($2) against it.

    No level has more than `most` rows. With `shortest` it gives no more than a search for the shortest paths needs.
    """
    ahead, back = (expansion(layout, link, scopes, backwards=backwards) for backwards in (False, True))
    one = parameter(1)
    return fill(
        layout.sql(_FILE, "surroundings"),
        {
            **(_SHORTEST if shortest else _EVERYTHING),
            "ahead": replaced(ahead, one, SQL("ARRAY[$1::bigint]")),
            "back": replaced(back, one, SQL("ARRAY[$2::bigint]")),
            "ahead_next": replaced(ahead, one, SQL("one.a")),
            "back_next": replaced(back, one, SQL("one.b")),
            "most": number(most),
        },
    )


def one_way(layout: Layout, link: LinkPart, what: str, asked: Sequence[SQL], *, backwards: bool) -> SQL:
    """Return the SQL of the edges that lead on along a link, or against it if `backwards`."""
    told = {"asked": join("", (compose(" AND {}", each) for each in asked))}
    out, into = fill(layout.sql(_FILE, f"{what}_out"), told), fill(layout.sql(_FILE, f"{what}_in"), told)
    if link.direction == "both":
        return compose("{} UNION ALL {} AND x.source <> x.target", out, into)
    return out if (link.direction == "out") != backwards else into


def asked_of_edge(layout: Layout, alias: SQL, link: LinkPart, scopes: Sequence[int] | None) -> list[SQL]:
    """Return the conditions on an edge that may be a link: its type and its scope."""
    found = []
    kinds = kinds_of(layout, link.types)
    if kinds is not None:
        numbers = join(",", map(number, kinds))
        found.append(compose("{}.kind IN ({})", alias, numbers) if kinds else NEVER)
    if scopes is not None:
        found.append(visible(alias, scopes))
    return found


def visible(alias: SQL, scopes: Sequence[int]) -> SQL:
    """Return the condition that a row is of one of the scopes, which are given by their numbers."""
    return compose("{}.scope = ANY ('{{{}}}'::integer[])", alias, join(",", map(number, scopes)))
