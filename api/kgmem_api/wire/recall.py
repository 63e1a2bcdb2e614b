"""Questions on the wire: the five parts of a question, each with its limits."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from kgmem.domain.access import Key as AccessKey
from kgmem.domain.graph.tier import Tier
from kgmem.domain.recall.question import (
    HitKind,
    Hops,
    Links,
    Mode,
    Part,
    Question,
    Relation,
    Spot,
    State,
    TimeState,
    What,
    When,
    Where,
    Why,
)
from kgmem.domain.time.interval import Allen
from kgmem_api.context import note_scope
from kgmem_api.wire.claims import FactOption
from kgmem_api.wire.fields import STRICT, Fraction, Key, Label, Properties, Scope, Time, Vector, refused
from kgmem_api.wire.graphs import Fusion
from kgmem_api.wire.shapes import parts_of

Point = Annotated[
    list[Annotated[float, Field(allow_inf_nan=False)]],
    Field(min_length=2, max_length=2, description="[longitude, latitude] in degrees."),
]
Kilometres = Annotated[float, Field(gt=0, le=20_016, allow_inf_nan=False)]
OneOrMore = Annotated[Key | Annotated[list[Key], Field(min_length=1, max_length=50)], Field(union_mode="left_to_right")]
Interval = Annotated[list[Time | None], Field(min_length=2, max_length=2, description="[from, to]; null is open.")]


class WhatPart(BaseModel):
    """Meaning, words and kinds: what the hits are about."""

    model_config = STRICT

    text: Annotated[str, Field(max_length=20_000)] | None = None
    vector: Vector | None = None
    labels: Annotated[list[Label], Field(max_length=100)] = []
    kinds: list[HitKind] = Field(default=[], max_length=4, description="Default: all kinds that the question finds.")
    properties: Annotated[
        Properties, Field(description='Predicates: {"name": value}, or {"name": {"gte": 5, "lt": 9}}.')
    ] = {}
    start: Annotated[list[Key], Field(max_length=50, description="Entities that graph expansion starts from.")] = []
    sources: Annotated[list[Key], Field(max_length=100)] = []


class PlaceReference(BaseModel):
    """A point, or an entity's place."""

    model_config = STRICT

    point: Point | None = None
    entity: Key | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.point is None) == (self.entity is None):
            raise refused("Give either a point or an entity.", 'Such as {"point": [8.54, 47.38], "km": 10}.')
        return self

    def spot(self) -> Spot:
        """Return it as the domain knows it."""
        return Spot((self.point[0], self.point[1]) if self.point else None, self.entity)


class NearFilter(PlaceReference):
    """Near a point or an entity: within so many km, or, without a limit, the nearer the better."""

    km: Kilometres | None = None


class NearestFilter(PlaceReference):
    """The nearest to a point or an entity."""

    n: Annotated[int, Field(ge=1, le=1000)]


class WherePart(BaseModel):
    """Places: within what the hits lie, and near what they rank."""

    model_config = STRICT

    near: NearFilter | None = None
    nearest: NearestFilter | None = None
    box: (
        Annotated[
            list[Annotated[float, Field(allow_inf_nan=False)]],
            Field(
                min_length=4, max_length=4, description="[west, south, east, north]; west > east crosses 180 degrees."
            ),
        ]
        | None
    ) = None
    within: Annotated[dict[str, Any], Field(description="A GeoJSON Polygon or MultiPolygon.")] | None = None
    place: Annotated[Key, Field(description="Inside of this entity, through links too.")] | None = None
    half_km: Annotated[Kilometres, Field(description="The distance at which closeness is a half.")] | None = None

    @model_validator(mode="after")
    def _one_spot(self) -> Self:
        if self.near and self.nearest and self.near.spot() != self.nearest.spot():
            raise refused("near and nearest name two spots.", "Name the same one in both, or leave one of them out.")
        return self

    def where(self) -> Where:
        """Return it as the domain knows it."""
        spot = self.near or self.nearest
        return Where(
            near=spot.spot() if spot else None,
            km=self.near.km if self.near else None,
            nearest=self.nearest.n if self.nearest else None,
            box=(self.box[0], self.box[1], self.box[2], self.box[3]) if self.box else None,
            within=self.within,
            place=self.place,
            half_km=self.half_km,
        )


class TemporalRelation(BaseModel):
    """How the hits' valid time stands to an interval, in Allen's words."""

    model_config = STRICT

    name: Allen
    of: Annotated[Time | Interval, Field(union_mode="left_to_right", description="A time, or [from, to].")] | None = (
        None
    )
    entity: Annotated[Key, Field(description="Its valid time is meant.")] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.of is None) == (self.entity is None):
            raise refused("Give either a time or an entity.", 'Such as {"name": "during", "of": "1969"}.')
        return self

    def relation(self) -> Relation:
        """Return it as the domain knows it."""
        if self.of is None or isinstance(self.of, str):
            return Relation(self.name, (self.of, self.of) if self.of else None, self.entity)
        return Relation(self.name, (self.of[0], self.of[1]))


class WhenPart(BaseModel):
    """When it was true, by default current or past; and as of when kgmem knew it, by default now."""

    model_config = STRICT

    valid_at: Time | None = None
    between: Interval | None = None
    any_time: Annotated[bool, Field(description="Whatever its time: also superseded and yet to come.")] = False
    relation: TemporalRelation | None = None
    known_at: Annotated[Time, Field(description="As it was known then; nothing learned later counts.")] | None = None
    half_life_days: Annotated[float, Field(gt=0, le=1e7, allow_inf_nan=False)] | None = None
    in_text: Annotated[bool, Field(description="Understand times in what.text, such as 'in spring 1969'.")] = False

    def when(self) -> When:
        """Return it as the domain knows it."""
        return When(
            valid_at=self.valid_at,
            between=(self.between[0], self.between[1]) if self.between else None,
            any_time=self.any_time,
            relation=self.relation.relation() if self.relation else None,
            known_at=self.known_at,
            half_life_days=self.half_life_days,
            in_text=self.in_text,
        )


class WhyPart(BaseModel):
    """Causes and effects, along relationships of causal kinds."""

    model_config = ConfigDict(**STRICT, populate_by_name=True)

    causes_of: OneOrMore | None = None
    effects_of: OneOrMore | None = None
    start: Key | None = Field(default=None, alias="from")
    end: Key | None = Field(default=None, alias="to")
    depth: Annotated[int, Field(ge=1, le=20)] = 5
    min_strength: Annotated[Fraction, Field(description="Of a whole path: the product of its strengths.")] = 0.0
    any_order: Annotated[bool, Field(description="Also causes that began after their effects.")] = False

    def why(self) -> Why:
        """Return it as the domain knows it."""
        return Why(
            causes_of=_many(self.causes_of),
            effects_of=_many(self.effects_of),
            start=self.start,
            end=self.end,
            depth=self.depth,
            min_strength=self.min_strength,
            any_order=self.any_order,
        )


class HopsFilter(BaseModel):
    """A neighbourhood: what so many relationships lead to."""

    model_config = ConfigDict(**STRICT, populate_by_name=True)

    start: OneOrMore = Field(alias="from")
    kind: Annotated[Label | list[Label], Field(union_mode="left_to_right")] | None = None
    most: Annotated[int, Field(ge=1, le=10)] = Field(alias="max")
    direction: Literal["out", "in", "both"] = "both"

    def hops(self) -> Hops:
        """Return it as the domain knows it."""
        return Hops(_many(self.start), self.most, _many(self.kind), self.direction)


class GraphPart(BaseModel):
    """The graph around what is found: expansion that ranks, and a neighbourhood that limits."""

    model_config = STRICT

    expand: Annotated[
        bool | None,
        Field(
            description="Personalized PageRank from what the other retrievers find: always (true), never (false), "
            "or where no passage has the question's words (null)."
        ),
    ] = None
    hops: HopsFilter | None = None
    context: bool | None = None


# The parts of a question that are made of the table of fields.
_PARTS: Final = parts_of(Question)
_Parts: Any = create_model("_Parts", **{name: part.field for name, part in _PARTS.items()})


class RecallRequest(_Parts, BaseModel):  # type: ignore[misc]  # the first is made at run time
    """One question. Every part is optional; at least one asks something."""

    model_config = STRICT

    what: WhatPart = WhatPart()
    where: WherePart = WherePart()
    when: WhenPart = WhenPart()
    why: WhyPart = WhyPart()
    graph: GraphPart = GraphPart()
    scope: Scope | None = None
    k: Annotated[int, Field(ge=1, le=1000)] = 20
    modes: Annotated[dict[Part, Mode], Field(description="Whether a part filters (must) or ranks (should).")] = {}
    fusion: Fusion | None = None
    weights: Annotated[
        dict[str, Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]],
        Field(description="Weight of each retriever; default 1."),
    ] = {}
    recipe: (
        Annotated[str, Field(max_length=100, description="A named setting; what the question says itself counts.")]
        | None
    ) = None
    min_consensus: Fraction | None = None
    min_score: Annotated[Fraction, Field(description="The least relevance of a hit to what.text.")] | None = None
    states: Annotated[
        list[State], Field(max_length=8, description="Of time or of consensus; default: current and past.")
    ] = []
    tiers: Annotated[list[Tier], Field(max_length=4)] = []
    diversity: Annotated[Fraction, Field(description="0: by score alone; towards 1: unlike the hits above.")] = 0.0
    budget: Annotated[int, Field(ge=1, le=10_000_000, description="Tokens for the texts of all hits.")] | None = None
    rerank: Annotated[bool, Field(description="Order the best hits by the reranker of the settings.")] = False
    cursor: Annotated[str, Field(max_length=20_000)] | None = None
    explain: bool = False
    profile: bool = False

    def question(self, key: AccessKey) -> Question:
        """Return the question as the domain knows it, in the scope that the key may ask in. Raises Forbidden."""
        what = self.what
        return Question(
            what=What(
                text=what.text,
                vector=what.vector,  # type: ignore[arg-type]  # base64 has become numbers by now
                labels=what.labels,
                kinds=what.kinds,
                properties=what.properties,
                start=what.start,
                sources=what.sources,
            ),
            when=self.when.when(),
            where=self.where.where(),
            why=self.why.why(),
            graph=Links(self.graph.expand, self.graph.hops.hops() if self.graph.hops else None, self.graph.context),
            scope=note_scope(key.demand_scope(self.scope)),
            k=self.k,
            modes=self.modes,
            fusion=self.fusion,
            weights=self.weights,
            recipe=self.recipe,
            min_consensus=self.min_consensus,
            min_score=self.min_score,
            states=self.states,
            tiers=self.tiers,
            diversity=self.diversity,
            budget=self.budget,
            rerank=self.rerank,
            cursor=self.cursor,
            explain=self.explain,
            profile=self.profile,
            **{name: part.built(getattr(self, name)) for name, part in _PARTS.items()},
        )


def _many(value: str | list[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


class RetrieverShare(BaseModel):
    """What one retriever said of a hit: its rank there (from 1), its raw value, its share of the score."""

    rank: int
    value: float
    share: Fraction
    listed: bool


class PathEntity(BaseModel):
    """One entity of a path."""

    id: int
    key: str
    label: str
    name: str | None
    scope: str


class PathLink(BaseModel):
    """One relationship of a path; without a strength or a confidence it counts as 1."""

    id: int
    kind: str
    strength: float | None
    confidence: float | None
    text: str | None
    source: str | None


class CausalPath(BaseModel):
    """A causal path, the cause first; its strength is the product of strength x confidence of its relationships."""

    entities: list[PathEntity]
    links: list[PathLink]
    strength: Fraction
    prevents: bool


class HitEnd(BaseModel):
    """The entity that a fact starts from or leads to."""

    key: str
    name: str | None
    label: str | None


class Hit(BaseModel):
    """One ranked item with its reasons."""

    kind: Literal["entity", "fact", "episode", "path"]
    id: int
    key: str
    label: str
    name: str | None
    text: str | None
    score: float
    confidence: float | None
    relevance: Annotated[
        float | None, Field(description="The probability that it answers what.text; null without a text.")
    ]
    valid_from: str | None
    valid_to: str | None
    state: Annotated[TimeState | None, Field(description="Of an entity or a fact, now or at known_at.")]
    scope: str
    properties: dict[str, object]
    place: dict[str, object] | None
    placed_by: Annotated[
        list[str],
        Field(description="With explain and where: by which links it stands at a place, where it has no point."),
    ]
    retrievers: dict[str, RetrieverShare]
    provenance: list[dict[str, object]]
    paths: list[CausalPath]
    start: Annotated[HitEnd | None, Field(description="Of a fact: the entity that it starts from.")]
    end: Annotated[HitEnd | None, Field(description="Of a fact: the entity that it leads to.")]
    strength: Annotated[float | None, Field(description="Of a fact: its strength from 0 to 1.")]
    alternatives: Annotated[list[FactOption], Field(description="Of a fact that sources disagree on, where asked for.")]


class RecallResult(BaseModel):
    """The hits of one question, best first; what was held back; milliseconds of each stage with explain."""

    hits: list[Hit]
    suppressed: dict[str, int]
    profile: dict[str, float]
    nothing_relevant: Annotated[
        bool | None, Field(description="Whether no hit is likely to answer what.text; null without a text.")
    ]
    cursor: str | None
    gates: Annotated[dict[str, str], Field(description="With explain: what recall decided by itself, and why.")]
    understood: Annotated[
        dict[str, object],
        Field(description="What was read out of the question's text: its times, and the event of a why."),
    ]
    filter_matches: Annotated[
        dict[str, int],
        Field(description="Of an answer without hits: how many items pass each filter alone, at most 1,000."),
    ]
