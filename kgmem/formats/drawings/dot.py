"""Writes Graphviz DOT for small graphs: nodes by name and type, edges by kind."""

from collections.abc import Iterable, Mapping
from typing import BinaryIO, Final

from kgmem.formats.drawings.small_graph import SmallGraph
from kgmem.formats.io.xml_text import sayable
from kgmem.formats.records import Format, Record, WriteOptions

MOST_NODES: Final = 5_000  # Beyond it dot takes hours, and nobody sees anything.
MOST_EDGES: Final = 20_000


class DOTWriter:
    """Writes a digraph."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        """Take the stream to write to."""
        self._stream = stream
        self._graph = SmallGraph("DOT", MOST_NODES, MOST_EDGES, options.kind)
        self.lost: Mapping[str, int] = self._graph.lost

    def write(self, records: Iterable[Record]) -> None:
        """Take some records. Raises TooLarge."""
        self._graph.add(records)

    def close(self) -> None:
        """Write the graph; the stream stays open."""
        lines = ["digraph kgmem {", '  charset="UTF-8";', "  node [shape=box];"]
        for id_, (name, labels) in self._graph.ends().items():
            type_ = f", class={_quoted(' '.join(labels))}" if labels else ""
            shown = "\\n".join([_label(name), *([f"({_label(', '.join(labels))})"] if labels else [])])
            lines.append(f'  {_quoted(id_)} [label="{shown}"{type_}];')
        for start, end, kind in self._graph.edges:
            lines.append(f'  {_quoted(start)} -> {_quoted(end)} [label="{_label(kind)}"];')
        self._stream.write("\n".join([*lines, "}", ""]).encode())


def _quoted(text: str) -> str:
    """Return a text as a quoted name. A backslash is doubled, so that none stands before the closing quote."""
    plain = _plain(text)
    # Graphviz makes names of its own for what begins with a percent sign.
    return f'"_x0025_{plain[1:]}"' if plain.startswith("%") else f'"{plain}"'


def _label(text: str) -> str:
    """Return a text as it is written inside of a label, where Graphviz reads HTML's entities too."""
    return _plain(text.replace("&", "&amp;"))


def _plain(text: str) -> str:
    escaped = sayable(text).replace("\\", "\\\\").replace('"', '\\"')
    return escaped.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n")


FORMAT = Format("dot", (".dot", ".gv"), writer=DOTWriter)
