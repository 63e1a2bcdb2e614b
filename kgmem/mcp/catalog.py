"""Which tools a connection offers: profiles, and single tools by name. Few tools are chosen between well."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from kgmem.domain.errors import InvalidInput
from kgmem.mcp.caller import Caller
from kgmem.mcp.tool import Tool
from kgmem.mcp.tools import analysis, compatible, explaining, recalling, remembering

ALL: Final[Mapping[str, Tool]] = MappingProxyType(
    {tool.name: tool for module in (recalling, remembering, explaining, analysis, compatible) for tool in module.TOOLS}
)
PROFILES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "memory": (
            "remember", "recall", "get_context", "search_entities", "get_entity", "timeline", "why", "verify_claim",
            "update_fact", "forget",
        ),
        "analyst": (
            "recall", "search_entities", "get_entity", "neighbourhood", "timeline", "causes", "effects", "why",
            "verify_claim", "conflicts", "run_cypher", "get_schema", "import_status",
        ),
        "compat": tuple(tool.name for tool in compatible.TOOLS),
    }
)  # fmt: skip


def check_tools(chosen: str) -> tuple[str, ...]:
    """Return the names of the tools that a list of profiles and tools means, as `memory,run_cypher`.

    Raises InvalidInput for a name that is neither.
    """
    names: dict[str, None] = {}
    for each in chosen.split(","):
        name = each.strip()
        if name == "all":
            names |= dict.fromkeys(ALL)
        elif name in PROFILES:
            names |= dict.fromkeys(PROFILES[name])
        elif name in ALL:
            names[name] = None
        else:
            raise InvalidInput(
                f"There is no tool and no profile {name[:80]!r}.",
                hint=f"Profiles are {', '.join(PROFILES)} and all; tools are {', '.join(ALL)}.",
            )
    return tuple(names)


def tools_of(caller: Caller) -> Mapping[str, Tool]:
    """Return the tools that a caller may use, by name."""
    chosen = check_tools(caller.options.tools)
    return {name: ALL[name] for name in chosen if ALL[name].is_for(caller)}
