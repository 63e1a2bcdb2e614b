"""The one table of fields: what entities, relationships, episodes, sources and claims are made of.

A class of records declares each field where its attribute is:

    name: Annotated[str | None, NAME] = None

`fields_of(Entity)` returns the table. Made of it are the models and the OpenAPI document of REST
(api/kgmem_api/wire), readers and writers of files (kgmem/formats), what the store writes and reads
(kgmem/store/graph/records.py), how statements merge (kgmem/domain/graph/folding.py), and docs/fields.md.
"""

from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from kgmem.domain.graph.scope import LONGEST

LONGEST_KEY = 500
LONGEST_LABEL = 200
LONGEST_NAME = 2_000
LONGEST_TEXT = 1_000_000
LONGEST_TIME = 50
LARGEST_PROPERTIES = 64 * 1024  # Bytes of JSON.
LARGEST_PLACE = 256 * 1024

FieldType = Literal[
    "text",
    "texts",  # A list.
    "time",  # ISO 8601; a year or a month is an interval.
    "scope",
    "integer",
    "float",
    "boolean",
    "choice",  # One of some words.
    "properties",
    "place",
    "vector",
    "span",  # Two places in a text.
    "json",  # Any JSON value.
]
# value: what a record says. identity: what makes it this record. condition: what must hold before it is written.
# action: what shall be done with it. claim: what is noted with the claims that it makes, not with what is stored.
# known: what only a store knows, so that no statement has it.
Role = Literal["value", "identity", "condition", "action", "claim", "known"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it holds, within which limits, and what it is called on the wire and in the store.

    `least` and `most` limit the characters of a text, the items of a list, or a number.
    """

    type: FieldType
    least: float = 0
    most: float | None = None
    item: "Field | None" = None  # Of a list.
    role: Role = "value"
    wire: str = ""  # The name in REST and in files.
    stored: str | None = None  # The property of the vertex or edge that holds it; None: none does.
    indexed: bool = False  # Whether the retrieval index keeps it in a column of its own, by which questions filter.
    always: bool = False  # What is stored always has it, though no statement need have it.
    doc: str = ""  # What REST and docs/fields.md say of it.
    unit: str = ""
    # Of these `fields_of` takes care.
    name: str = ""
    required: bool = False
    options: tuple[str, ...] = ()  # Of a choice.
    nullable: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it holds one number."""
        return self.type in {"integer", "float"}

    @property
    def range(self) -> str:
        """The numbers that it takes, in words."""
        what = "a whole number" if self.type == "integer" else "a number"
        return f"{what} from {self.least:g}" + (f" to {self.most:g}" if self.most is not None else "")

    def allows(self, number: Any) -> bool:
        """Whether a number is of its type and within its limits."""
        if isinstance(number, bool) or not isinstance(number, int if self.type == "integer" else int | float):
            return False
        return bool(self.least <= number and (self.most is None or number <= self.most))

    @property
    def is_text(self) -> bool:
        """Whether it holds one text."""
        return self.type in {"text", "time", "scope"}


KEY = Field("text", least=1, most=LONGEST_KEY)
LABEL = Field("text", least=1, most=LONGEST_LABEL)
NAME = Field("text", most=LONGEST_NAME)
TEXT = Field("text", most=LONGEST_TEXT)
TIME = Field("time", least=1, most=LONGEST_TIME)
SCOPE = Field("scope", most=LONGEST, role="identity", nullable=True)
VALID_FROM = replace(TIME, doc="When it starts to be true.")
VALID_TO = replace(TIME, doc="When it stops being true.")
SOURCE = replace(KEY, doc="The key of its source.")
EXPIRES_AT = replace(
    TIME, nullable=True, doc="From then on it is in no answer; null, or `never`, removes the time that is stored."
)
TTL = Field(
    "json",
    role="action",
    doc="How long it lasts, instead of expires_at: seconds, 30d (w, d, h, m or s), or ISO 8601 such as P30D and PT12H.",
)
DERIVED_FROM = Field(
    "texts",
    most=20,
    item=KEY,
    doc="What it repeats, quotes or summarises, so that it is no support: episode:KEY, source:KEY, claim:ID, hit:ID.",
)
FRACTION = Field("float", most=1)
PROPERTIES = Field("properties", doc="Your own values.")
VERSION = Field(
    "integer",
    least=1,
    role="condition",
    always=True,
    doc="The version that must be the stored one; else the write is refused (412).",
)
ID = Field("integer", role="known", always=True)
MOMENT = Field("time", role="known")


def stored(field: Field, **changes: Any) -> Field:
    """Return a field that is a property of the vertex or edge, under its own name."""
    return replace(field, stored="", **changes)


def fields_of(record: type[Any]) -> tuple[Field, ...]:
    """Return the fields of a class of records, in the order of its attributes."""
    table = _TABLES.get(record)
    if table is None:
        hints = get_type_hints(record, include_extras=True)
        table = _TABLES[record] = tuple(
            _declared(hints[each.name], each.name, required=each.default is each.default_factory is MISSING)
            for each in fields(record)
        )
    return table


def is_declared(kind: Any) -> bool:
    """Return whether a class is a dataclass of which each attribute declares its field."""
    if not isinstance(kind, type) or not is_dataclass(kind):
        return False
    hints = get_type_hints(kind, include_extras=True).values()
    return all(get_origin(hint) is Annotated and isinstance(get_args(hint)[1], Field) for hint in hints)


def stated_fields(record: type[Any]) -> tuple[Field, ...]:
    """Return the fields that a statement of a record may have: all but those that only a store knows."""
    return tuple(field for field in fields_of(record) if field.role != "known")


def stored_fields(record: type[Any]) -> tuple[Field, ...]:
    """Return the fields that are properties of a vertex or an edge."""
    return tuple(field for field in fields_of(record) if field.stored is not None)


def indexed_fields(record: type[Any]) -> tuple[Field, ...]:
    """Return the fields that the retrieval index keeps in a column of their own, beside the vertex."""
    return tuple(field for field in stored_fields(record) if field.indexed)


def shown_fields(record: type[Any]) -> tuple[Field, ...]:
    """Return the fields that a stored record may have: all but those that only a statement has."""
    return tuple(field for field in fields_of(record) if field.role not in {"action", "claim"})


def value_names(record: type[Any]) -> tuple[str, ...]:
    """Return the attributes that hold one value each, which a later statement replaces."""
    return tuple(
        field.name
        for field in fields_of(record)
        if field.role == "value" and field.type not in {"properties", "vector"}
    )


def number_fields(record: type[Any]) -> tuple[Field, ...]:
    """Return the fields of a statement that hold a number within limits."""
    return tuple(field for field in fields_of(record) if field.is_number and field.role == "value")


_TABLES: dict[type[Any], tuple[Field, ...]] = {}


def _declared(hint: Any, name: str, *, required: bool) -> Field:
    assert get_origin(hint) is Annotated, name  # noqa: S101  # Each attribute of a record declares its field.
    kind, field = get_args(hint)[:2]
    found: Field = field
    return replace(
        found,
        name=name,
        options=get_args(kind) if found.type == "choice" else (),
        wire=found.wire or name,
        stored=name if found.stored == "" else found.stored,
        required=required,
        nullable=found.nullable or NoneType in get_args(kind),
    )
