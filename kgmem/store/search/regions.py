"""Regions: boxes, polygons and named places as conditions on items, and what an index reads for each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.domain.errors import KgmemError, NotFound
from kgmem.domain.space.geometry import Box, area_of, boxes_of
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, join
from kgmem.store.graph.layout import VERTEX, Layout
from kgmem.store.search.request import Parameters, SearchRequest
from kgmem.store.search.temporal import of_links

# Of an item, and on the other side of the 180th meridian.
_LONGITUDES = (SQL("i.place[0]"), SQL("-i.place[0]"))


@dataclass(frozen=True, slots=True)
class Region:
    """A condition on rows `i` of the item table, with the tables that it refers to."""

    condition: SQL
    tables: Sequence[SQL] = ()
    boxes: Sequence[Box] = ()  # That hold all that meets it, where there are such.
    reads: SQL = NOTHING  # Gives the ids of at least all that meet it, where no boxes hold it.
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
        "inward_holds": _holds(layout, request, parameters, SQL("e.source")),
        "outward_holds": _holds(layout, request, parameters, SQL("e.target")),
    }
    name = {"name": SQL("where_place")}
    tables = [
        fill(layout.sql("regions", "place"), {"key": parameters.add(key, "text")}),
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


def _holds(layout: Layout, request: SearchRequest, parameters: Parameters, inside: SQL) -> SQL:
    """The time at which a link has to be valid: that of the question, unless it tells where something happened."""
    when = request.question.when
    holds = join(" AND ", of_links(when, parameters))
    if not holds:
        return NOTHING
    if when.valid_at is not None or when.between is not None:
        return compose(" AND {}", holds)
    known = [layout.labels[VERTEX, name].id for name in request.occurrences if (VERTEX, name) in layout.labels]
    return compose(
        " AND ({holds} OR ({inside} >> 48) = ANY ({}))", parameters.add(known, "bigint[]"), holds=holds, inside=inside
    )
