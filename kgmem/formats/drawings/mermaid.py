"""Writes a Mermaid flowchart for small graphs, as Markdown on GitHub and elsewhere shows it."""

import re
from collections.abc import Iterable, Mapping
from typing import BinaryIO, Final

from kgmem.domain.errors import TooLarge
from kgmem.formats.drawings.small_graph import SmallGraph
from kgmem.formats.io.xml_text import sayable
from kgmem.formats.records import Format, Record, WriteOptions

# What Mermaid itself refuses to draw unless it is configured otherwise (maxEdges, maxTextSize).
MOST_EDGES: Final = 500
MOST_NODES: Final = 1_000
LONGEST: Final = 50_000
# Letters and digits of any script and what has no meaning in Mermaid, HTML or, at its place, in Markdown stay.
_MEANS_SOMETHING = re.compile(r"[^\w ,.\-+/?!']|_|^[-+]|(?<=\d)\.(?= )")


class MermaidWriter:
    """Writes a flowchart from left to right."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        """Take the stream to write to."""
        self._stream = stream
        self._graph = SmallGraph("Mermaid", MOST_NODES, MOST_EDGES, options.kind)
        self.lost: Mapping[str, int] = self._graph.lost

    def write(self, records: Iterable[Record]) -> None:
        """Take some records. Raises TooLarge."""
        self._graph.add(records)

    def close(self) -> None:
        """Write the chart; the stream stays open. Raises TooLarge."""
        nodes = self._graph.ends()
        numbers = {id_: f"n{number}" for number, id_ in enumerate(nodes)}
        lines = ["flowchart LR"]
        for id_, (name, labels) in nodes.items():
            type_ = f"<br/>{_text(', '.join(labels))}" if labels else ""
            lines.append(f'  {numbers[id_]}["{_text(name)}{type_}"]')
        for start, end, kind in self._graph.edges:
            lines.append(f'  {numbers[start]} -->|"{_text(kind)}"| {numbers[end]}')
        text = "\n".join([*lines, ""])
        if len(text) > LONGEST:
            raise TooLarge(
                f"The chart has {len(text)} characters, and Mermaid draws {LONGEST} at most.",
                hint="Export one scope, or to DOT.",
            )
        self._stream.write(text.encode())


def _text(text: str) -> str:
    """Return a text inside of quotes: what means something is written as its number, #35; for #."""
    lines = re.split(r"\r\n|\r|\n", sayable(text))
    return "<br/>".join(_MEANS_SOMETHING.sub(lambda found: f"#{ord(found[0])};", line) for line in lines)


FORMAT = Format("mermaid", (".mmd", ".mermaid"), writer=MermaidWriter)
