"""Indexes and constraints: what a graph's schema declares, and the two that every graph has."""

from collections.abc import Iterator
from dataclasses import dataclass

from kgmem.domain.schema.index import NamedIndex
from kgmem.domain.schema.schema import GraphSchema
from kgmem.query.errors import closest
from kgmem.query.values import Value
from kgmem.query.values.problems import ValueProblem

VECTORS, TEXTS = "kgmem_vectors", "kgmem_texts"  # The indexes that every graph has: meaning and words.


def named_index(schema: GraphSchema, asked: Value, kind: str, usual: str) -> NamedIndex | None:
    """Return the index of a kind that is asked; None for the one that every graph has. Raises ValueProblem."""
    if asked == usual:
        return None
    found = schema.indexes.get(str(asked))
    if found is not None and found.index == kind:
        return found
    known = [usual, *(name for name, each in schema.indexes.items() if each.index == kind)]
    hint = closest(str(asked), known) or f"Ask {' or '.join(known[:10])}."
    raise ValueProblem(f"There is no such index: {asked}.", detail="IndexNotFound", type="ProcedureError", hint=hint)


@dataclass(frozen=True, slots=True)
class Declared:
    """A property that a schema declares as indexed or unique, or as required."""

    label: str
    properties: tuple[str, ...]
    unique: bool
    indexed: bool
    required: bool
    of_relationships: bool

    @property
    def name(self) -> str:
        """What the index or constraint is called."""
        return f"{'unique' if self.unique else 'index'}_{self.label}_{'_'.join(self.properties)}".lower()


def declared(schema: GraphSchema) -> Iterator[Declared]:
    """Return what a schema declares of single properties, label by label and then kind by kind."""
    for label, held in schema.labels.items():
        for each in held.properties.values():
            if each.unique or each.indexed or each.required:
                yield Declared(label, (each.name,), each.unique, each.indexed, each.required, False)
    for kind, link in schema.kinds.items():
        for each in link.properties.values():
            if each.unique or each.indexed or each.required:
                yield Declared(kind, (each.name,), each.unique, each.indexed, each.required, True)
