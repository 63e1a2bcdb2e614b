"""Labels of nodes and kinds of edges, as graph tools write them into formats that have no word for either."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kgmem.domain.errors import InvalidInput
from kgmem.formats.property_graph.elements import PREFIX

LABELS, KIND = "labels", "label"  # The properties in which APOC writes them.
ALL_LABELS: Final = PREFIX + "labels"  # The labels where a text cannot hold them: one has a colon.
DEFAULT_KIND: Final = "RELATED"
_TINKERPOP = ("labelV", "labelE")
_GEPHI = "TYPE"  # Where APOC writes labels for Gephi, whose nodes have a label that is a name.


@dataclass(frozen=True, slots=True)
class GraphLabels:
    """Where a file says what its nodes and edges are; each takes what it used out of the properties."""

    label_property: str | None
    kind_property: str | None
    default_kind: str

    def of_node(self, stated: str | None, properties: dict[str, Any]) -> Sequence[str]:
        """A node's labels: of its attribute (:A:B), of kgmem, APOC or TinkerPop, or of the property asked for."""
        exact = properties.get(ALL_LABELS)
        if isinstance(exact, list) and all(isinstance(label, str) for label in exact):
            del properties[ALL_LABELS]
            return exact
        if stated is not None:
            return _parts(stated, ":")
        for name in (LABELS, _GEPHI):
            value = properties.get(name)
            if isinstance(value, str) and value.startswith(":"):
                del properties[name]
                return _parts(value, ":")
        value = properties.get(_TINKERPOP[0])
        if isinstance(value, str):
            del properties[_TINKERPOP[0]]
            return _parts(value, "::")
        value = properties.get(self.label_property) if self.label_property else None
        return [value] if isinstance(value, str) and value else []

    def of_edge(self, stated: str | None, properties: dict[str, Any], drawn: str | None = None) -> str:
        """Return an edge's kind: of its attribute, of TinkerPop, of the property asked for or `label`, or as drawn."""
        if stated:
            return stated
        for name in (_TINKERPOP[1], self.kind_property or KIND, KIND):
            value = properties.get(name)
            if isinstance(value, str) and value:
                if name != self.kind_property:
                    del properties[name]
                return value
        return drawn or self.default_kind


def graph_labels(options: Mapping[str, str]) -> GraphLabels:
    """Return what the options say of labels and kinds. Raises InvalidInput for an empty one."""
    for name in ("label_property", "kind_property", "default_kind"):
        if options.get(name) == "":
            raise InvalidInput(f"The option {name} is empty.", hint="Give a name, or leave it out.")
    return GraphLabels(
        options.get("label_property"), options.get("kind_property"), options.get("default_kind", DEFAULT_KIND)
    )


def labels_text(labels: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return labels as APOC writes them (:A:B), and the property that says them where that text cannot."""
    text = "".join(f":{label}" for label in labels)
    return text, {} if _parts(text, ":") == list(labels) else {ALL_LABELS: list(labels)}


def _parts(text: str, separator: str) -> list[str]:
    return [part for part in text.split(separator) if part]
