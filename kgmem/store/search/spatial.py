"""Where: what lies in regions or near a point, and how near; distances are haversine on the mean sphere.

An item stands where its point is, also where its place is a line or an area; without a point, where its links lead
(linked_places.py). What lies at a limit is within it, up to
one part in 10^9, since two ways of computing one distance differ by some rounding.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from kgmem.domain.errors import KgmemError, NotFound
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.answer import Hit
from kgmem.domain.recall.question import Question, Spot, Where
from kgmem.domain.space.geometry import Box, area_of, boxes_of, check_where
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, identifier, join, later
from kgmem.store.graph.layout import VERTEX, Layout
from kgmem.store.search.linked_places import LinkedPlaces, linked_places, placed_by
from kgmem.store.search.request import Dimension, Parameters, SearchRequest
from kgmem.store.search.temporal import of_links

# Of an item, and on the other side of the 180th meridian.
_LONGITUDES = (SQL("i.place[0]"), SQL("-i.place[0]"))
_BEYOND = SQL("CASE WHEN (SELECT other IS NOT NULL FROM reached) THEN one END")
HALF_KM = 50.0  # Where the question gives neither half_km nor km; with km it is a half of that.


@dataclass(frozen=True, slots=True)
class Region:
    """A condition on rows `i` of the item table, with the tables that it refers to."""

    condition: SQL
    tables: Sequence[SQL] = ()
    boxes: Sequence[Box] = ()  # That hold all that meets it, where there are such.
    reads: SQL = NOTHING  # Returns the ids of at least all that meet it, where no boxes contain it.
    refusals: Sequence[tuple[SQL, KgmemError]] = ()


def in_box(box: Box, parameters: Parameters) -> Region:
    """Return what lies in a box; a pole has every longitude, and 180 degrees west are 180 degrees east."""
    west, south, east, north = (parameters.add(float(degrees), "float8") for degrees in box)
    both = SQL("AND") if box[0] <= box[2] else SQL("OR")
    inside = [
        compose("({lon} >= {west} {both} {lon} <= {east})", lon=lon, west=west, both=both, east=east)
        for lon in _LONGITUDES
    ]
    lon = compose("{} OR abs(i.place[1]) = 90 OR (abs(i.place[0]) = 180 AND {})", inside[0], inside[1])
    return Region(
        compose("(i.place[1] BETWEEN {south} AND {north} AND ({lon}))", south=south, north=north, lon=lon),
        boxes=boxes_of(box),
    )


def in_polygon(layout: Layout, geometry: Mapping[str, Any], parameters: Parameters) -> Region:
    """Return what lies in a GeoJSON Polygon or MultiPolygon. Raises InvalidInput."""
    area = area_of(geometry)
    columns = {name: parameters.add(list(getattr(area.edges, name)), "float8[]") for name in ("x1", "y1", "x2", "y2")}
    name = {"name": SQL("where_within")}
    tables = [fill(layout.sql("regions", "edges_given"), name | columns), fill(layout.sql("regions", "strips"), name)]
    near = join(" OR ", (compose("i.place <@ {}", box_sql(box, parameters)) for box in area.boxes))
    return Region(compose("(({}) AND {})", near, _in_strips(layout, SQL("where_within"))), tables, area.boxes)


def in_place(layout: Layout, request: SearchRequest, parameters: Parameters, key: str) -> Region:
    """Return what is located in a named place: by relationships of such kinds, or inside of its own polygon."""
    kinds = layout.schema().kinds.values()
    inward = [kind.name for kind in kinds if kind.containment]
    outward = [kind.inverse for kind in kinds if kind.containment and kind.inverse]
    links = {
        "inward": parameters.add(inward, "text[]"),
        "outward": parameters.add(outward, "text[]"),
        "inward_holds": holds(layout, request.question, request.occurrences, parameters)(SQL("e.source")),
        "outward_holds": holds(layout, request.question, request.occurrences, parameters)(SQL("e.target")),
    }
    name = {"name": SQL("where_place")}
    tables = [
        fill(layout.sql("regions", "place"), _named(key, request, parameters)),
        fill(layout.sql("regions", "inside_by_links"), links),
        # As it was known earlier, a place is a point: label tables hold what is known now.
        layout.sql("regions", "shape" if request.question.when.known_at is None else "no_shape"),
        *(fill(layout.sql("regions", each), name) for each in ("edges_of_place", "strips")),
        layout.sql("regions", "hull"),
    ]
    # The truth of IN is asked for, so that Postgres looks rows up in a hashed set rather than going through it.
    linked = SQL("(i.id IN (SELECT item FROM where_inside)) IS TRUE")
    lies = compose("i.place <@ (SELECT one FROM where_hull) AND {}", _in_strips(layout, SQL("where_place")))
    unknown = NotFound(f"There is no entity {key!r} to be in.", hint="Correct where.place: it is the key of an entity.")
    return Region(
        compose("(i.id <> (SELECT item FROM where_place) AND ({} OR ({})))", linked, lies),
        tables,
        reads=layout.sql("regions", "reads_place"),
        refusals=[(SQL("NOT EXISTS (SELECT FROM where_place)"), unknown)],
    )


def box_sql(box: Box, parameters: Parameters) -> SQL:
    """Return a box as SQL."""
    west, south, east, north = (parameters.add(float(degrees), "float8") for degrees in box)
    return compose(
        "box(point({west}, {south}), point({east}, {north}))", west=west, south=south, east=east, north=north
    )


def _in_strips(layout: Layout, name: SQL) -> SQL:
    inside = [fill(layout.sql("regions", "in_area"), {"name": name, "lon": lon}) for lon in _LONGITUDES]
    pole = compose("(abs(i.place[1]) = 90 AND EXISTS (SELECT FROM {}_edges WHERE y1 = i.place[1]))", name)
    return compose("({} OR (abs(i.place[0]) = 180 AND {}) OR {pole})", inside[0], inside[1], pole=pole)


def holds(
    layout: Layout, question: Question, occurrences: Sequence[str], parameters: Parameters
) -> Callable[[SQL], SQL]:
    """Return what returns the condition that a link `e` of what is inside is valid at the question's time.

    A link that says where something happened holds whenever the question has no time of its own.
    """
    when = question.when
    conditions = join(" AND ", of_links(when, parameters))
    known = [layout.labels[VERTEX, name].id for name in occurrences if (VERTEX, name) in layout.labels]
    exempt = when.valid_at is None and when.between is None
    labels = parameters.add(known, "bigint[]") if conditions and exempt else NOTHING

    def condition(inside: SQL) -> SQL:
        if not conditions:
            return NOTHING
        if not exempt:
            return compose(" AND {}", conditions)
        return compose(" AND ({} OR ({} >> 48) = ANY ({}))", conditions, inside, labels)

    return condition


def where(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Return what a question's places add to the candidate statement; none where it names none."""
    asked = request.question.where
    if asked == Where():
        return None
    check_where(asked)
    must = request.question.mode("where") == "must"
    spot = _spot(layout, asked.near, request, parameters) if asked.near else None
    regions = _regions(layout, request, parameters)
    linked = linked_places(layout, parameters, holds(layout, request.question, request.occurrences, parameters))
    conditions, limit = [region.condition for region in regions], NOTHING
    if spot and must and asked.km is not None:
        # Besides a millionth of a metre, because a distance of nothing is not always computed as nothing.
        limit = parameters.add(asked.km * (1 + 1e-9) + 1e-9, "float8")
        conditions.insert(0, compose("({} <= {})", spot.distance, limit))
    meets = join(" AND ", conditions)
    if linked and meets:
        meets = linked.also(compose("({})", meets))
    search = _SpatialQueries(
        layout,
        spot,
        linked,
        own=meets if meets and not must else SQL("true"),
        met=join(" AND ", conditions) or SQL("true"),
        bounded=bool(limit) or any(region.boxes for region in regions),
        nearest=parameters.add(asked.nearest, "integer") if asked.nearest is not None else NOTHING,
        half=parameters.add(asked.half_km or (asked.km or 2 * HALF_KM) / 2, "float8"),
    )
    ranks = _ranks(request, must=must)
    reads = layout.sql("spatial", "reads_pool") if search.bounded else join("", (region.reads for region in regions))
    return Dimension(
        name="where",
        tables=[
            *([spot.table] if spot else []),
            *(table for region in regions for table in region.tables),
            _pool(layout, regions, limit, parameters),
        ],
        condition=meets if must else NOTHING,
        candidates=search.candidates(must=must) if ranks and (spot or _alone(request)) else NOTHING,
        value=search.value(must=must) if ranks else NOTHING,
        reads=linked.reads(reads) if must and reads and linked else reads if must else NOTHING,
        chooses=search.chooses() if must and asked.nearest is not None else NOTHING,
        refusals=[*(spot.refusals if spot else ()), *(refusal for region in regions for refusal in region.refusals)],
    )


@dataclass(frozen=True, slots=True)
class _Point:
    """The point of a question: its table, the distance of a row to it in km, and when there is none."""

    table: SQL
    distance: SQL
    refusals: Sequence[tuple[SQL, KgmemError]] = ()


@dataclass(frozen=True, slots=True)
class _SpatialQueries:
    """How the retriever finds and scores items; the statement fills %(filters)s and similar names of its queries.

    The score is the closeness, 1 at the spot and a half at half_km, or 1 where the question has only regions; there is
    none outside of the regions of the question.
    """

    layout: Layout
    spot: _Point | None
    linked: LinkedPlaces | None
    own: SQL  # What the retriever's items must meet although the question's need not.
    met: SQL  # What a point of the retriever's items meets.
    bounded: bool  # Whether boxes hold all that can be found.
    nearest: SQL  # How many, as a parameter, or nothing.
    half: SQL

    def candidates(self, *, must: bool) -> SQL:
        """Return the query (item, value, stands) of the best."""
        if not self.spot:
            pieces = self._pieces("inside", ("few", "narrow", "many"), {"inside": self.own})
            return compose("SELECT item, 1 AS value, stands FROM ({}) n ORDER BY item", pieces)
        if must and self.nearest:
            found, few = self._near(SQL("%(most)s"), ("few", "narrow")), NOTHING  # Out of those that are chosen.
        else:
            found, few = self._near(self.nearest or SQL("%(most)s"), self._ways), self.nearest
        query = compose(
            "SELECT item, {half} / ({half} + km) AS value, stands FROM ({found}) n ORDER BY km, item",
            half=self.half,
            found=found,
        )
        return compose("{} LIMIT {}", query, few) if few else query

    def value(self, *, must: bool) -> SQL:
        """Return the value of a row that another retriever found; nearest rows have none unless they are among them.

        What lies outside of the regions has the value 0, and what has no place has none.
        """
        if self.nearest and not must:
            return NOTHING
        value = compose("{half} / ({half} + {})", self._distance, half=self.half) if self.spot else SQL("1")
        if self.own == "true":
            return value
        return compose("CASE WHEN {} THEN {} WHEN {} THEN 0 END", self.own, value, self._placed)

    def chooses(self) -> SQL:
        """Return the query (id) of the nearest."""
        found = self._near(self.nearest, self._ways)
        return compose("SELECT item AS id FROM ({}) n ORDER BY km, item LIMIT {}", found, self.nearest)

    @property
    def _distance(self) -> SQL:
        """Return the distance of a row, by links where it has no point."""
        own = self.spot.distance if self.spot else NOTHING
        return self.linked.nearest(own, self.met) if self.linked else own

    @property
    def _placed(self) -> SQL:
        """Return whether a row stands anywhere."""
        if not self.linked:
            return SQL("i.place IS NOT NULL")
        return compose("(i.place IS NOT NULL OR EXISTS ({}))", self.linked.places)

    @property
    def _ways(self) -> tuple[str, ...]:
        """Return the ways to the nearest: within boxes the index is always the shortest."""
        return ("few", "many") if self.bounded else ("few", "narrow", "many")

    def _near(self, count: SQL, ways: Sequence[str]) -> SQL:
        cap = self.layout.sql("spatial", "cap")
        furthest = SQL("(SELECT CASE WHEN count(*) >= %(count)s THEN max(km) END FROM %(table)s)")
        places = {
            "count": count,
            "distance": self.spot.distance if self.spot else NOTHING,
            "linked_distance": self._distance,
            "placed": self._placed,
            "beyond": SQL("other") if self.bounded else _BEYOND,
            "cap_of_first": fill(cap, {"km": fill(furthest, {"count": count, "table": SQL("first")})}),
            "cap_of_nearest": fill(cap, {"km": fill(furthest, {"count": count, "table": SQL("nearest")})}),
        }
        if self.bounded:
            places["wide"] = SQL("true")
        if self.own != "true":
            places["filters"] = compose("AND {} %(filters)s", self.own)
        more = [self.linked.near(self._distance, count, bounded=self.bounded)] if self.linked and "many" in ways else []
        return self._pieces("near", ways, places, more)

    def _pieces(self, name: str, ways: Sequence[str], places: Mapping[str, SQL], more: Sequence[SQL] = ()) -> SQL:
        left = later("wide", "narrow", "filters", "stands", "most")
        found = [fill(self.layout.sql("spatial", f"{name}_{way}"), {**left, **places}) for way in ways]
        found += [fill(each, {**left, **places}) for each in more]
        return join(" UNION ALL ", (compose("SELECT * FROM ({}) p", piece) for piece in found))


def _named(key: str | None, request: SearchRequest, parameters: Parameters) -> dict[str, SQL]:
    """Return a key, and the scopes in which it is looked up, the nearest last."""
    paths = list(visible_from(request.question.scope))
    return {"key": parameters.add(key, "text"), "paths": parameters.add(paths, "text[]")}


def _spot(layout: Layout, spot: Spot, request: SearchRequest, parameters: Parameters) -> _Point:
    if spot.point is not None:
        lon, lat = (parameters.add(float(degrees), "float8") for degrees in spot.point)
        place = {"lon": lon, "lat": lat}
        return _Point(fill(layout.sql("spatial", "spot_of_point"), place), fill(layout.sql("spatial", "km"), place))
    table = fill(layout.sql("spatial", "spot_of_entity"), _named(spot.entity, request, parameters))
    distance = fill(
        layout.sql("spatial", "km"),
        {name: compose("(SELECT {} FROM where_spot)", identifier(name)) for name in ("lon", "lat")},
    )
    unknown = NotFound(
        f"There is no entity {spot.entity!r} to be near.", hint="Correct where.near.entity: it is a key."
    )
    placeless = NotFound(f"The entity {spot.entity!r} has no place.", hint="Give where.near.point instead.")
    nowhere = SQL("EXISTS (SELECT FROM where_spot WHERE lon IS NULL)")
    return _Point(table, distance, [(SQL("NOT EXISTS (SELECT FROM where_spot)"), unknown), (nowhere, placeless)])


def _regions(layout: Layout, request: SearchRequest, parameters: Parameters) -> list[Region]:
    asked, found = request.question.where, []
    if asked.box is not None:
        found.append(in_box(asked.box, parameters))
    if asked.within is not None:
        found.append(in_polygon(layout, asked.within, parameters))
    if asked.place is not None:
        found.append(in_place(layout, request, parameters, asked.place))
    return found


def _pool(layout: Layout, regions: Sequence[Region], limit: SQL, parameters: Parameters) -> SQL:
    """Return the table of the boxes in which all lies that can be found."""
    if limit:
        return fill(layout.sql("spatial", "pool_of_cap"), {"cap": fill(layout.sql("spatial", "cap"), {"km": limit})})
    boxes: Sequence[Box] = next((region.boxes for region in regions if region.boxes), ())
    if not boxes:
        return layout.sql("spatial", "pool_of_everything")
    one, other = [*(box_sql(box, parameters) for box in boxes), SQL("NULL::box")][:2]
    return fill(layout.sql("spatial", "pool_of_boxes"), {"one": one, "other": other})


def _ranks(request: SearchRequest, *, must: bool) -> bool:
    """Return whether nearness is a retriever: where it shall rank, and where the question has nothing but a limit."""
    asked = request.question.where
    if not request.question.weight("where"):
        return False
    if asked.near is None:
        return not must or _alone(request)
    return not must or _alone(request) or asked.half_km is not None or (asked.km is None and asked.nearest is None)


def _alone(request: SearchRequest) -> bool:
    """Return whether places are the only retriever of a question."""
    return request.question.what.text is None and request.vector is None


async def placed(
    connection: asyncpg.Connection, layout: Layout, hits: Sequence[Hit], question: Question, occurrences: Sequence[str]
) -> list[Hit]:
    """Return hits with the links by which those without a point stand at a place, where the question has places."""
    parameters = Parameters()
    if question.where == Where() or not hits:
        return list(hits)
    linked = linked_places(layout, parameters, holds(layout, question, occurrences, parameters))
    if linked is None:
        return list(hits)
    ids = [hit.id for hit in hits if hit.kind == "entity"]
    ways = await placed_by(connection, linked, ids, question.scope, parameters)
    return [replace(hit, placed_by=ways.get(hit.id, ())) for hit in hits]
