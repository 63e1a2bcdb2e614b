"""Graphs between a memory and networkx, whole and in memory."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, BinaryIO, cast

from kgmem.domain.batch import Rejection
from kgmem.domain.errors import InvalidInput
from kgmem.formats.graph_labels import GraphLabels, graph_labels
from kgmem.formats.jsonl import dump
from kgmem.formats.networkx_graph import GraphBuilder, records_of
from kgmem.formats.records import Rejected
from kgmem.memory import Memory
from kgmem.services.importing import KEPT_REJECTIONS, ImportOptions, ImportResult, OnProgress


async def to_networkx(memory: Memory, graph: str, *, scope: str | None = None) -> Any:
    """Give what a graph holds (of exactly one scope, or of all) as a networkx.MultiDiGraph.

    Nodes are entities under their keys, with `labels`, `name`, the properties and the other fields as attributes;
    edges are relationships with their `kind`. Episodes and sources are nodes that `kgmem_kind` marks. Raises NotFound.
    """
    builder = GraphBuilder()
    async for record in memory.export(graph, scope=scope):
        builder.add(record)
    return builder.graph


async def from_networkx(
    memory: Memory,
    graph: str,
    nx_graph: Any,
    options: ImportOptions | None = None,
    *,
    progress: OnProgress | None = None,
) -> ImportResult:
    """Import a Graph, DiGraph, MultiGraph or MultiDiGraph of networkx; what to_networkx gave comes back unchanged.

    A node's key is itself, or what node_key makes of it. What a node is stands in its attribute `labels`, what an edge
    is in its `kind`; `format_options` may name others (label_property, kind_property) and the kind of edges without one
    (default_kind: RELATED). Edges of an undirected graph get the property `directed: false`. Raises InvalidInput for
    nodes whose keys are the same, NotFound.
    """
    chosen = options or ImportOptions()
    labels = graph_labels(chosen.format_options)
    with tempfile.TemporaryFile() as spool:
        refused, count = await asyncio.to_thread(_spool, cast(BinaryIO, spool), nx_graph, labels)
        if refused and chosen.on_error == "stop":
            raise InvalidInput(f"{refused[0].record}: {refused[0].reason}", mend="Correct it; nothing was stored.")
        chosen = replace(chosen, format="jsonl", kind=None, format_options={})
        result = await memory.import_files(graph, [cast(BinaryIO, spool)], chosen, progress=progress)
    return replace(
        result,
        read=result.read + count,
        rejected=result.rejected + count,
        rejections=(*refused, *result.rejections)[:KEPT_REJECTIONS],
    )


def _spool(spool: BinaryIO, nx_graph: Any, labels: GraphLabels) -> tuple[Sequence[Rejection], int]:
    """Write the graph's records to a file; gives the first that cannot be taken, and how many there are."""
    refused: list[Rejection] = []
    count = 0
    for found in records_of(nx_graph, labels):
        if not isinstance(found, Rejected):
            spool.write(dump(found.record))
            continue
        count += 1
        if len(refused) < KEPT_REJECTIONS:
            refused.append(Rejection("networkx", found.line, found.reason, found.record))
    spool.seek(0)
    return refused, count
