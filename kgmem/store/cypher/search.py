"""Searches by the indexes that a schema names: what is nearest to a vector, and what has the words of a query."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import asyncpg

from kgmem.domain.errors import InvalidInput
from kgmem.domain.schema.index import NamedIndex
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, identifier, join, number
from kgmem.store.graph.layout import EDGE, VERTEX, Label, Layout
from kgmem.store.graph.property_indexes import largest_of, operator_of, type_of, vector_of, words_of
from kgmem.store.graph.records import stored_name

_Found = Sequence[tuple[int, float]]
# A word, or a text in quotes, with what Lucene puts before (must, must not, the field) and behind it (prefix, weight).
_TERM = re.compile(r'(?P<sign>[+\-!]|)(?:\w+:)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"()]+))', re.UNICODE)
_WORD = re.compile(r"\w+", re.UNICODE)
_EF = 200  # How far a search by HNSW looks.


@dataclass(frozen=True, slots=True)
class Searcher:
    """Searches by one index; `scopes` are the numbers of the scopes that may be seen, None for all."""

    connection: asyncpg.Connection
    layout: Layout
    index: NamedIndex
    scopes: Sequence[int] | None

    async def nearest(self, vector: Sequence[float], most: int) -> _Found:
        """Return what is nearest to a vector, with its similarity as Neo4j counts it. Raises InvalidInput."""
        index = self.index
        if len(vector) != index.dimension:
            raise InvalidInput(
                f"The vector has {len(vector)} dimensions, and those of {index.name} have {index.dimension}.",
                hint="Ask with a vector that was made as they were.",
                type="ArgumentError",
            )
        largest = largest_of(index.dimension)
        if not all(abs(each) <= largest for each in vector):
            raise InvalidInput(
                f"The vector has NaN or a number beyond {largest:.6g}, the largest that {index.name} can hold.",
                hint="Ask with a vector that was made as those of the index were.",
                type="ArgumentError",
            )
        held = vector_of(self._stored()[0], index.dimension)
        distance = compose("({}) {} $1::text::{}", held, operator_of(index.similarity), type_of(index.dimension))
        told = {"held": held, "distance": distance}
        parts = self._parts("nearest_by_index", told, most)
        if not parts:
            return []
        await self.connection.execute(compose("SET LOCAL hnsw.ef_search = {}", number(max(_EF, min(int(most), 1000)))))
        await self.connection.execute(SQL("SET LOCAL hnsw.iterative_scan = strict_order"))
        asked = "[" + ",".join(repr(float(each)) for each in vector) + "]"
        rows = await self._fetch(parts, SQL("ASC"), most, asked)
        similarity = _by_distance if index.similarity == "euclidean" else _by_angle
        return [(row["id"], similarity(row["rank"])) for row in rows if not math.isnan(row["rank"])]

    async def worded(self, query: str, most: int) -> _Found:
        """What has the words of a query, which may be Lucene's: "a phrase", +must, -not, prefix*, AND, OR, NOT."""
        asked = tsquery(query)
        parts = self._parts("worded_by_index", {"words": words_of(self._stored())}, most)
        if not asked or not parts:
            return []
        return [(row["id"], row["rank"]) for row in await self._fetch(parts, SQL("DESC"), most, asked)]

    def _parts(self, name: str, places: dict[str, SQL], most: int) -> list[SQL]:
        """A part of the statement for each label's table, and one for nodes that bear a label without being in it.

        No index on a property has those: they are read one by one.
        """
        labels = self._labels()
        places = {**places, "most": number(most)}
        parts = []
        for label in labels:
            stays = SQL(" AND NOT kgmem.left_table(t.properties)") if label.kind == VERTEX else NOTHING
            sql = self.layout.sql("cypher", name, label=label.age_name)
            parts.append(compose("({})", fill(sql, {**places, "seen": join("", (self._seen(label.kind), stays))})))
        if self.index.of:
            tables = join(",", (number(label.id) for label in labels))
            others = fill(self.layout.sql("cypher", "bears_further"), {"tables": tables})
            sql = self.layout.sql("cypher", name, label="_ag_label_vertex")
            parts.append(compose("({})", fill(sql, {**places, "seen": join("", (self._seen(VERTEX), others))})))
        return parts

    async def _fetch(self, parts: Sequence[SQL], order: SQL, most: int, asked: str) -> Sequence[asyncpg.Record]:
        joined = fill(self.layout.sql("cypher", "best_of_parts"), {"parts": join(" UNION ALL ", parts), "order": order})
        names = [self._names()] if self.index.of else []
        return cast(Sequence[asyncpg.Record], await self.connection.fetch(joined, asked, most, *names))

    def _names(self) -> list[str]:
        """Return the labels that the index is of, with those that descend from them."""
        return sorted({name for each in self.index.of for name in self.layout.schema().with_descendants(each)})

    def _labels(self) -> list[Label]:
        labels, index = self.layout.labels, self.index
        kind, names = (EDGE, index.to) if index.to else (VERTEX, self._names())
        return [labels[kind, name] for name in names if (kind, name) in labels]

    def _stored(self) -> list[str]:
        what = "relationship" if self.index.to else "entity"
        return [stored_name(name, what) for name in self.index.properties]

    def _seen(self, kind: int) -> SQL:
        if self.scopes is None:
            return NOTHING
        numbers = join(",", map(number, self.scopes))
        table = identifier(self.layout.index_name, "edge" if kind == EDGE else "item")
        return compose(
            " AND EXISTS (SELECT FROM {} i WHERE i.id = t.id::text::bigint AND i.scope = ANY ('{{{}}}'::integer[]))",
            table,
            numbers,
        )


def _by_angle(far: float) -> float:
    return 1 - far / 2


def _by_distance(far: float) -> float:
    return 1 / (1 + far * far)


def tsquery(query: str) -> str:
    """Return a query of Lucene's as one of Postgres; empty where it has no words."""
    may: list[str] = []
    must: list[str] = []
    never: list[str] = []
    # AND makes both neighbours necessary; NOT forbids what follows.
    previous: list[str] | None = None
    ahead = ""
    for found in _TERM.finditer(query):
        word = found["word"]
        if found["phrase"] is None and word in {"AND", "OR", "NOT", "&&", "||"}:
            ahead = {"&&": "AND", "||": "OR"}.get(word, word)
            if ahead == "AND" and previous is may:
                must.append(may.pop())
            continue
        term = _term(found["phrase"] if found["phrase"] is not None else word, prefix=bool(word and "*" in word))
        if not term:
            continue
        if found["sign"] in {"-", "!"} or ahead == "NOT":
            previous = never
        elif found["sign"] == "+" or ahead == "AND":
            previous = must
        else:
            previous = may
        previous.append(term)
        ahead = ""
    wanted = " & ".join(must) if must else " | ".join(may)
    refused = " & ".join(f"!({each})" for each in never)
    return f"({wanted}) & {refused}" if wanted and refused else wanted


def _term(text: str, *, prefix: bool) -> str:
    text = re.sub(r"[~^][\d.]*$", "", text)
    words = [f"'{word}'" for word in _WORD.findall(text)]
    if words and prefix:
        words[-1] += ":*"
    return f"({' <-> '.join(words)})" if len(words) > 1 else "".join(words)
