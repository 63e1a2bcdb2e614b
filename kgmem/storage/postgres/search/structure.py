"""The causal structure around entities: all their causes, and all their effects where they are asked for."""

import asyncpg

from kgmem.domain.causality import MOST_ENTITIES, MOST_LINKS, Ancestry, CausalGraph, CausalNode
from kgmem.domain.errors import NotFound, TooLarge
from kgmem.domain.question import Why
from kgmem.storage.postgres.layout import Layout
from kgmem.storage.postgres.search.causes import BACKWARDS, FORWARDS, common_places, edges
from kgmem.storage.postgres.search.request import Parameters


async def causal_graph(
    connection: asyncpg.Connection, layout: Layout, asked: Ancestry, *, effects: bool
) -> CausalGraph:
    """Give what causes entities, also through others, by one statement. Raises NotFound, and TooLarge over a limit."""
    keys, parameters = list(dict.fromkeys(asked.keys)), Parameters()
    named = [("asked", key) for key in keys]
    places = common_places(layout, parameters, named=named, why=Why(), when=asked.when, scope=asked.scope)
    filled = {
        **places,
        "asked": layout.sql("why", "asked") % places,
        "kinds": layout.sql("why", "kinds") % places,
        "back": edges(layout, places, BACKWARDS),
        "forth": edges(layout, places, FORWARDS),
        "effects": parameters.add(effects, "boolean"),
        "most": str(MOST_ENTITIES),
        "most_links": str(MOST_LINKS),
    }
    sql = parameters.complete(layout.sql("why", "causal_graph") % filled)
    rows = await connection.fetch(sql, *parameters.values)
    found = {keys[row["id"] - 1]: row["other"] for row in rows if row["what"] == "asked"}
    for key in keys:
        if key not in found:
            raise NotFound(f"There is no entity {key!r}.", mend="Correct the key, or ask in the scope that holds it.")
    nodes = {row["id"]: CausalNode(row["id"], row["key"], row["scope"]) for row in rows if row["what"] == "node"}
    links = [(row["id"], row["other"]) for row in rows if row["what"] == "link"]
    if len(nodes) > MOST_ENTITIES or len(links) > MOST_LINKS:
        raise TooLarge(
            f"More than {MOST_ENTITIES:,} entities or {MOST_LINKS:,} links lead there.",
            mend="Ask for fewer entities, or by recall with why.depth.",
        )
    return CausalGraph(nodes, sorted(link for link in set(links) if nodes.keys() >= set(link)), found)
