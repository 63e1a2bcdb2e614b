"""Regions: boxes, polygons and named places as conditions on items, and what an index reads for each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.domain.errors import KgmemError, NotFound
from kgmem.domain.space.geometry import Box, area_of, boxes_of
from kgmem.store.graph.layout import VERTEX, Layout
from kgmem.store.search.request import Parameters, SearchRequest
from kgmem.store.search.temporal import of_links


@dataclass(frozen=True, slots=True)
class Region:
    """A condition on rows `i` of the item table, with the tables that it refers to."""

    condition: str
    tables: Sequence[str] = ()
    boxes: Sequence[Box] = ()  # That hold all that meets it, where there are such.
    reads: str = ""  # Gives the ids of at least all that meet it, where no boxes hold it.
    refusals: Sequence[tuple[str, KgmemError]] = ()


def in_box(box: Box, parameters: Parameters) -> Region:
    """Give what lies in a box; a pole has every longitude, and 180 degrees west are 180 degrees east."""
    west, south, east, north = (parameters.add(float(degrees), "float8") for degrees in box)
    between = " {both} ".format(both="AND" if box[0] <= box[2] else "OR")
    inside = [f"({lon} >= {west}{between}{lon} <= {east})" for lon in ("i.place[0]", "-i.place[0]")]
    lon = f"{inside[0]} OR abs(i.place[1]) = 90 OR (abs(i.place[0]) = 180 AND {inside[1]})"
    return Region(f"(i.place[1] BETWEEN {south} AND {north} AND ({lon}))", boxes=boxes_of(box))


def in_polygon(layout: Layout, geometry: Mapping[str, Any], parameters: Parameters) -> Region:
    """Give what lies in a GeoJSON Polygon or MultiPolygon. Raises InvalidInput."""
    area = area_of(geometry)
    columns = {name: parameters.add(list(getattr(area.edges, name)), "float8[]") for name in ("x1", "y1", "x2", "y2")}
    name = {"name": "where_within"}
    tables = [layout.sql("regions", "edges_given") % (name | columns), layout.sql("regions", "strips") % name]
    near = " OR ".join(f"i.place <@ {box_sql(box, parameters)}" for box in area.boxes)
    return Region(f"(({near}) AND {_in_strips(layout, 'where_within')})", tables, area.boxes)


def in_place(layout: Layout, request: SearchRequest, parameters: Parameters, key: str) -> Region:
    """Give what is located in a named place: by relationships of such kinds, or inside of its own polygon."""
    kinds = layout.schema().kinds.values()
    inward = [kind.name for kind in kinds if kind.containment]
    outward = [kind.inverse for kind in kinds if kind.containment and kind.inverse]
    links = {
        "inward": parameters.add(inward, "text[]"),
        "outward": parameters.add(outward, "text[]"),
        "inward_holds": _holds(layout, request, parameters, "e.source"),
        "outward_holds": _holds(layout, request, parameters, "e.target"),
    }
    name = {"name": "where_place"}
    tables = [
        layout.sql("regions", "place") % {"key": parameters.add(key, "text")},
        layout.sql("regions", "inside_by_links") % links,
        # As it was known earlier, a place is a point: label tables hold what is known now.
        layout.sql("regions", "shape" if request.question.when.known_at is None else "no_shape"),
        *(layout.sql("regions", each) % name for each in ("edges_of_place", "strips")),
        layout.sql("regions", "hull"),
    ]
    # The truth of IN is asked for, so that Postgres looks rows up in a hashed set rather than going through it.
    linked = "(i.id IN (SELECT item FROM where_inside)) IS TRUE"
    lies = f"i.place <@ (SELECT one FROM where_hull) AND {_in_strips(layout, 'where_place')}"  # noqa: S608 - no text of callers
    unknown = NotFound(f"There is no entity {key!r} to be in.", mend="Correct where.place: it is the key of an entity.")
    return Region(
        f"(i.id <> (SELECT item FROM where_place) AND ({linked} OR ({lies})))",  # noqa: S608 - no text of callers
        tables,
        reads=layout.sql("regions", "reads_place"),
        refusals=[("NOT EXISTS (SELECT FROM where_place)", unknown)],
    )


def box_sql(box: Box, parameters: Parameters) -> str:
    """Give a box as SQL."""
    west, south, east, north = (parameters.add(float(degrees), "float8") for degrees in box)
    return f"box(point({west}, {south}), point({east}, {north}))"


def _in_strips(layout: Layout, name: str) -> str:
    inside = [layout.sql("regions", "in_area") % {"name": name, "lon": lon} for lon in ("i.place[0]", "-i.place[0]")]
    pole = f"(abs(i.place[1]) = 90 AND EXISTS (SELECT FROM {name}_edges WHERE y1 = i.place[1]))"
    return f"({inside[0]} OR (abs(i.place[0]) = 180 AND {inside[1]}) OR {pole})"


def _holds(layout: Layout, request: SearchRequest, parameters: Parameters, inside: str) -> str:
    """Give the time at which a link has to be valid: that of the question, unless it tells where something happened."""
    when = request.question.when
    holds = " AND ".join(of_links(when, parameters))
    if not holds:
        return ""
    if when.valid_at is not None or when.between is not None:
        return f" AND {holds}"
    known = [layout.labels[VERTEX, name].id for name in request.occurrences if (VERTEX, name) in layout.labels]
    return f" AND ({holds} OR ({inside} >> 48) = ANY ({parameters.add(known, 'bigint[]')}))"
