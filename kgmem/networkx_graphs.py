"""Import from and export to networkx, with the whole graph in memory."""

from typing import Any

from kgmem.formats.property_graph.networkx import GraphBuilder, GraphOrigin, check_graph
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.options import ImportOptions, ImportResult, OnProgress


async def to_networkx(memory: Memory, graph: str, *, scope: str | None = None) -> Any:
    """Return a graph (one scope only, or all scopes) as a networkx.MultiDiGraph.

    Nodes are entities under their keys, with `labels`, `name`, the properties and the other fields as attributes; edges
    are relationships with their `kind`. Episodes and sources are nodes that `kgmem_kind` marks. Raises NotFound.
    """
    builder = GraphBuilder()
    await memory.exports.write(graph, builder, ExportOptions(scope=scope))
    return builder.graph


async def from_networkx(
    memory: Memory,
    graph: str,
    nx_graph: Any,
    options: ImportOptions | None = None,
    *,
    progress: OnProgress | None = None,
) -> ImportResult:
    """Import a Graph, DiGraph, MultiGraph or MultiDiGraph of networkx; the result of to_networkx returns unchanged.

    The key of a node is the node itself, or what node_key returns for it. The attribute `labels` of a node contains its
    labels, `kind` of an edge its kind; `format_options` may name others (label_property, kind_property) and the kind of
    edges without one (default_kind: RELATED). Edges of an undirected graph get the property `directed: false`. Raises
    InvalidInput for nodes with equal keys, NotFound.
    """
    check_graph(nx_graph)
    return await memory.imports.run(graph, [GraphOrigin(nx_graph)], options, progress=progress)
