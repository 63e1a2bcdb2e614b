"""Graph schemas: which labels, relationship kinds and properties a graph knows, and what each of them must hold.

A schema is merged from documents (see `from_mapping` for their shape): the ontology that comes with kgmem, then the
graph's own. Merging only ever adds; whatever would mean two things is an error.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar

from kgmem.domain.claims.rule import RULE_KEYS, WeighingRule, read_rule
from kgmem.domain.errors import InvalidInput
from kgmem.domain.schema.document import Section, fits, read_bool, read_names, read_text, read_type, section, sections
from kgmem.domain.schema.index import INDEX_KEYS, NamedIndex, demanded, read_index

Rule = Literal["unknown-label", "unknown-kind", "unknown-property", "required", "type", "end"]
_PROPERTY_KEYS = ("type", "required", "unique", "indexed", "description")
_LABEL_KEYS = ("parent", "description", "properties")
_FLAGS = ("causal", "preventing", "containment", "functional", "symmetric", "transitive")
_KIND_KEYS = ("from", "to", *_FLAGS, "inverse", "description", "properties")


@dataclass(frozen=True, slots=True)
class Property:
    """The declaration of a property; `type` is one of PROPERTY_TYPES, or a list of one."""

    name: str
    type: str = "any"
    required: bool = False
    unique: bool = False  # No two items of one label (or kind) and one scope share a value.
    indexed: bool = False  # Found by its value without reading all that have it.
    description: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A type of entity; it inherits the properties of its parent, and is allowed wherever its parent is."""

    name: str
    properties: Mapping[str, Property] = field(default_factory=dict)
    parent: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class RelationshipKind:
    """A type of relationship; no source or target labels means any."""

    name: str
    source_labels: tuple[str, ...] = ()
    target_labels: tuple[str, ...] = ()
    causal: bool = False  # The source has a part in bringing the target about.
    preventing: bool = False  # Causal with the opposite sign: the source keeps the target from happening.
    containment: bool = False  # The source is located in the target, as long as the relationship is valid.
    functional: bool = False  # One target at a time: two that are valid at once contradict each other.
    symmetric: bool = False
    transitive: bool = False
    inverse: str | None = None  # The kind that says the same from the other end.
    properties: Mapping[str, Property] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation of a schema; its text is a clause without a full stop."""

    rule: Rule
    where: str  # Such as `label` or `properties.born`.
    message: str

    def __str__(self) -> str:
        """Return the clause."""
        return self.message


# What weighing the claims writes into a graph: known to every schema, so that it can be exported and taken in again.
WEIGHED = frozenset({"consensus", "trust", "state"})
# What reading texts writes, on entities and on relationships.
READ = frozenset({"found_by", "aliases", "geonames", "predicate"})
# What the wire gives every entity beside its own properties; a schema may still require it.
_ALWAYS = {"name": Property("name", "string"), "text": Property("text", "string")}


@dataclass(frozen=True, slots=True)
class GraphSchema:
    """Labels, relationship kinds, named indexes, and the consensus rules of kinds and properties."""

    labels: Mapping[str, Label] = field(default_factory=dict)
    kinds: Mapping[str, RelationshipKind] = field(default_factory=dict)
    rules: Mapping[str, WeighingRule] = field(default_factory=dict)
    indexes: Mapping[str, NamedIndex] = field(default_factory=dict)

    def line(self, label: str) -> tuple[str, ...]:
        """Return the label and its ancestors, nearest first; an undeclared label has none."""
        found = [label]
        while (held := self.labels.get(found[-1])) and held.parent and held.parent not in found:
            found.append(held.parent)
        return tuple(found)

    def is_a(self, label: str, ancestor: str) -> bool:
        """Return whether the label is that ancestor or descends from it."""
        return ancestor in self.line(label)

    def with_descendants(self, label: str) -> tuple[str, ...]:
        """Return the label and its descendants, by name: what a filter on the label accepts."""
        return tuple(sorted({label, *(name for name in self.labels if self.is_a(name, label))}))

    def properties_of(self, label: str) -> Mapping[str, Property]:
        """Return the properties declared for a label, its ancestors' included; the nearest declaration counts."""
        found = dict(_ALWAYS)
        for name in reversed(self.line(label)):
            found.update(self.labels[name].properties if name in self.labels else {})
        return _demanding(found, self.indexes.values(), self.line(label), of_relationships=False)

    def unique_of(self, label: str) -> Sequence[tuple[str, ...]]:
        """Return the properties that are unique, alone or together, among the entities that bear a label."""
        line = self.line(label)
        return _unique(self.properties_of(label), (i for i in self.indexes.values() if not set(line).isdisjoint(i.of)))

    def unique_of_kind(self, kind: str) -> Sequence[tuple[str, ...]]:
        """Return the properties that are unique, alone or together, among the relationships of a kind."""
        return _unique(self.properties_of_kind(kind), (i for i in self.indexes.values() if kind in i.to))

    def properties_of_kind(self, kind: str) -> Mapping[str, Property]:
        """Return the properties declared for a kind of relationships."""
        held = self.kinds.get(kind)
        return _demanding(dict(held.properties if held else {}), self.indexes.values(), [kind], of_relationships=True)


def _unique(held: Mapping[str, Property], indexes: Iterable[NamedIndex]) -> Sequence[tuple[str, ...]]:
    single = [(name,) for name, declared in held.items() if declared.unique]
    return list(dict.fromkeys([*single, *(index.properties for index in indexes if index.unique)]))


def _demanding(
    held: dict[str, Property], indexes: Iterable[NamedIndex], names: Iterable[str], *, of_relationships: bool
) -> dict[str, Property]:
    """Return properties with the requirements of constraints added."""
    for name, (required, type_) in demanded((i for i in indexes if bool(i.to) == of_relationships), names).items():
        declared = held.get(name) or Property(name)
        known = declared.type if declared.type != "any" else type_
        held[name] = replace(declared, required=declared.required or required, type=known)
    return held


_Named = TypeVar("_Named", Property, Label, RelationshipKind, WeighingRule, NamedIndex)


def merge(base: GraphSchema, extension: GraphSchema) -> GraphSchema:
    """Return the union of two schemas.

    Labels, kinds and properties are united. A label may gain a parent and properties, a kind properties; the ends,
    flags and inverse of a kind, and the declaration of a property, must be equal in both. Of two descriptions the first
    is used. Raises InvalidInput that names both sides.
    """
    return GraphSchema(
        _union(base.labels, extension.labels, "labels"),
        _union(base.kinds, extension.kinds, "kinds"),
        _union(base.rules, extension.rules, "predicates"),
        _union(base.indexes, extension.indexes, "indexes"),
    )


def _union(base: Mapping[str, _Named], extension: Mapping[str, _Named], path: str) -> dict[str, _Named]:
    united = {**extension, **base}
    for name in base.keys() & extension.keys():
        united[name] = _join(base[name], extension[name], f"{path}.{name}")
    return dict(sorted(united.items()))


def _join(first: _Named, second: _Named, path: str) -> _Named:
    """Return the union of two declarations of the same name."""
    joined: dict[str, Any] = {"description": first.description or second.description}
    for part in (f.name for f in fields(first)):
        one, other = getattr(first, part), getattr(second, part)
        if part == "properties" and isinstance(one, Mapping):
            joined[part] = _union(one, other, f"{path}.properties")
        elif part == "parent" and None in (one, other):
            joined[part] = one or other
        elif part != "description" and one != other:
            raise InvalidInput(
                f"{path}: {part} is {one!r} in one schema and {other!r} in the other.",
                hint="Declare it the same in both, or rename one of them.",
                path=path,
                first=one,
                second=other,
            )
    return replace(first, **joined)


def validate(schema: GraphSchema) -> GraphSchema:
    """Return a schema unchanged if all references in it are declared and consistent. Raises InvalidInput."""
    for name, label in schema.labels.items():
        _need(label.parent is None or label.parent in schema.labels, f"labels.{name}.parent", label.parent)
        top = schema.labels[schema.line(name)[-1]]
        _need(top.parent is None, f"labels.{name}.parent", label.parent, "is among its own descendants")
    for name, kind in schema.kinds.items():
        for end, labels in (("from", kind.source_labels), ("to", kind.target_labels)):
            for label_name in labels:
                _need(label_name in schema.labels, f"kinds.{name}.{end}", label_name)
        if kind.inverse is not None:
            path, back = f"kinds.{name}.inverse", schema.kinds.get(kind.inverse)
            _need(back is not None, path, kind.inverse)
            _need(back is not None and back.inverse == name, path, kind.inverse, f"does not name {name} as its own")
            ends = back and (back.target_labels, back.source_labels)
            _need(ends == (kind.source_labels, kind.target_labels), path, kind.inverse, "has other ends")
    return schema


def _need(holds: bool, path: str, name: str | None, otherwise: str = "is not declared") -> None:
    if not holds:
        raise InvalidInput(
            f"{path}: {name!r} {otherwise}.", hint="Declare it, or correct the name.", path=path, value=name
        )


def from_mapping(document: Mapping[str, Any]) -> GraphSchema:
    """Return the schema that a document (from TOML or JSON) describes.

        {"labels": {NAME: {"parent"?, "description"?, "properties"?: {NAME: {"type"?, "required"?, "unique"?,
                           "indexed"?, "description"?} or the type alone}}},
         "kinds": {NAME: {"from"?: [labels], "to"?: [labels], "causal"?, "preventing"?, "containment"?,
                          "functional"?, "symmetric"?, "transitive"?, "inverse"?, "description"?, "properties"?}},
         "predicates": {NAME of a kind or property: how claims on it are weighed (weighing_rule.RULE_KEYS)},
         "indexes": {NAME: {"index": a kind of schema_index, "of": [labels] or "to": [kinds], "properties": [names],
                            "type"?, "dimension"?, "similarity"?, "description"?}}}

    A document may refer to what another one declares; `validate` checks the whole. Raises InvalidInput that names the
    place in the document.
    """
    top = section(document, "", ("labels", "kinds", "predicates", "indexes"))
    labels = {name: _label(name, part) for name, part in sections(top, "labels", _LABEL_KEYS)}
    kinds = {name: _kind(name, part) for name, part in sections(top, "kinds", _KIND_KEYS)}
    rules = {name: read_rule(name, part) for name, part in sections(top, "predicates", RULE_KEYS)}
    indexes = {name: read_index(name, part) for name, part in sections(top, "indexes", INDEX_KEYS)}
    return GraphSchema(*(dict(sorted(each.items())) for each in (labels, kinds, rules, indexes)))  # type: ignore[arg-type]


def _label(name: str, part: Section) -> Label:
    parent = read_text(part, "parent") or None
    return Label(name, _properties(part), parent, read_text(part, "description"))


def _kind(name: str, part: Section) -> RelationshipKind:
    kind = RelationshipKind(
        name,
        read_names(part, "from"),
        read_names(part, "to"),
        **{flag: read_bool(part, flag) for flag in _FLAGS},
        inverse=read_text(part, "inverse") or None,
        properties=_properties(part),
        description=read_text(part, "description"),
    )
    if kind.preventing and not kind.causal:
        raise part.wrong("preventing", "holds for causal kinds only", "Set causal = true too.")
    if kind.symmetric and kind.containment:
        raise part.wrong(
            "symmetric",
            "does not go with containment",
            "Choose one of them: a causal or symmetric kind cannot be containment.",
        )
    if kind.symmetric and (kind.inverse or kind.source_labels != kind.target_labels):
        raise part.wrong("symmetric", "needs equal ends and no inverse", "A symmetric kind is its own inverse.")
    return kind


def _properties(part: Section) -> dict[str, Property]:
    found = {
        name: Property(
            name,
            read_type(inner, "type"),
            **{flag: read_bool(inner, flag) for flag in ("required", "unique", "indexed")},
            description=read_text(inner, "description"),
        )
        for name, inner in sections(part, "properties", _PROPERTY_KEYS, short="type")
    }
    return dict(sorted(found.items()))


def to_mapping(schema: GraphSchema) -> dict[str, Any]:
    """Return the document of a schema, without default values."""
    labels = {name: _stated(label) for name, label in schema.labels.items()}
    kinds = {name: _stated(kind) for name, kind in schema.kinds.items()}
    rules = {name: _stated(rule) for name, rule in schema.rules.items()}
    indexes = {name: _stated(index) for name, index in schema.indexes.items()}
    more = {"predicates": rules, "indexes": indexes}
    return {"labels": labels, "kinds": kinds, **{name: part for name, part in more.items() if part}}


def _stated(item: Property | Label | RelationshipKind | WeighingRule | NamedIndex) -> dict[str, Any]:
    words = {"source_labels": "from", "target_labels": "to"}
    stated: dict[str, Any] = {}
    for part in (f.name for f in fields(item) if f.name != "name"):
        value = getattr(item, part)
        if isinstance(value, Mapping):
            value = {name: _stated(inner) for name, inner in value.items()}
        elif isinstance(value, tuple):
            value = list(value)
        if value and (part, value) != ("type", "any"):
            stated[words.get(part, part)] = value
    return stated


def check_entity(schema: GraphSchema, strict: bool, label: str, properties: Mapping[str, Any]) -> list[Violation]:
    """Return the violations of an entity: required properties and types; if strict, undeclared ones too.

    `properties` may contain name and text of the entity. A property of None counts as absent.
    """
    if strict and label not in schema.labels:
        return [Violation("unknown-label", "label", f"the label {label!r} is not declared")]
    return check_properties(asked_of_entity(schema, label), properties, strict, label)


def asked_of_entity(schema: GraphSchema, label: str) -> Mapping[str, Property]:
    """Return the declared properties of a label; of an undeclared label those that constraints require."""
    if label in schema.labels:
        return schema.properties_of(label)
    return _demanding({}, schema.indexes.values(), [label], of_relationships=False)


def check_relationship(  # noqa: PLR0917 (the order of a triple: kind, from, to)
    schema: GraphSchema,
    strict: bool,
    kind: str,
    source_label: str | None,
    target_label: str | None,
    properties: Mapping[str, Any],
) -> list[Violation]:
    """Return the violations of a relationship: ends, required properties, types; if strict, undeclared ones too.

    An end of None is not checked, and an end with an undeclared label only if strict.
    """
    if kind not in schema.kinds:
        unknown = Violation("unknown-kind", "kind", f"the relationship kind {kind!r} is not declared")
        return [unknown] if strict else check_properties(schema.properties_of_kind(kind), properties, False, kind)
    found = check_ends(schema, strict, kind, source_label, target_label)
    return found + check_properties(schema.properties_of_kind(kind), properties, strict, kind)


def check_ends(
    schema: GraphSchema, strict: bool, kind: str, source_label: str | None, target_label: str | None
) -> list[Violation]:
    """Return the violations by the labels of the ends; none for an undeclared kind."""
    declared = schema.kinds.get(kind, RelationshipKind(kind))
    ends = (("from", source_label, declared.source_labels), ("to", target_label, declared.target_labels))
    return [
        Violation("end", end, f"{kind} goes {end} {' or '.join(allowed)}, not {end} {label}")
        for end, label, allowed in ends
        if label and allowed and (strict or label in schema.labels) and not set(allowed) & set(schema.line(label))
    ]


def check_properties(
    declared: Mapping[str, Property], given: Mapping[str, Any], strict: bool, of: str
) -> list[Violation]:
    """Return the violations of declared properties; if strict, undeclared ones too."""
    found = [
        Violation("required", f"properties.{name}", f"{of} needs the property {name!r}")
        for name, property_ in declared.items()
        if property_.required and given.get(name) is None
    ]
    for name, value in given.items():
        where = f"properties.{name}"
        if name not in declared:
            if strict and name not in WEIGHED | READ:
                found.append(Violation("unknown-property", where, f"the property {name!r} is not declared for {of}"))
        elif value is not None and not fits(value, declared[name].type):
            found.append(Violation("type", where, f"{name} is {_short(value)}, not of type {declared[name].type}"))
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
