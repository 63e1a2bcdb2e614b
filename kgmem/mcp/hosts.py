"""How hosts are told of kgmem: for each the file or command, and what goes there."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from kgmem.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Launch:
    """The program that a host starts: command, arguments, and variables of its environment."""

    command: str
    arguments: Sequence[str] = ("mcp",)
    environment: Mapping[str, str] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """Return it as most hosts want it."""
        told: dict[str, Any] = {"command": self.command, "args": list(self.arguments)}
        return told | ({"env": dict(self.environment)} if self.environment else {})

    def line(self) -> str:
        """Return it as a command line."""
        return shlex.join([self.command, *self.arguments])


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _servers(launch: Launch) -> str:
    return _json({"mcpServers": {"kgmem": launch.entry()}})


def _claude_code(launch: Launch) -> str:
    variables = " ".join(f"--env {shlex.quote(f'{name}={value}')}" for name, value in launch.environment.items())
    return f"claude mcp add kgmem {variables} -- {launch.line()}".replace("  ", " ")


def _codex(launch: Launch) -> str:
    lines = ["[mcp_servers.kgmem]", f"command = {orjson.dumps(launch.command).decode()}"]
    lines.append(f"args = {orjson.dumps(list(launch.arguments)).decode()}")
    if launch.environment:
        told = ", ".join(f"{name} = {orjson.dumps(value).decode()}" for name, value in launch.environment.items())
        lines.append(f"env = {{ {told} }}")
    return "\n".join(lines)


def _openai_agents(launch: Launch) -> str:
    return (
        "from agents.mcp import MCPServerStdio\n\n"
        f"kgmem = MCPServerStdio(params={launch.entry()!r}, client_session_timeout_seconds=60)"
    )


# Name -> where it goes, and what goes there.
HOSTS: Final[Mapping[str, tuple[str, Callable[[Launch], str]]]] = {
    "claude-desktop": ("claude_desktop_config.json (Settings, Developer, Edit Config)", _servers),
    "claude-code": ("run in a shell", _claude_code),
    "cursor": ("~/.cursor/mcp.json", _servers),
    "vscode": (
        ".vscode/mcp.json",
        lambda launch: _json({"servers": {"kgmem": {"type": "stdio", **launch.entry()}}}),
    ),
    "windsurf": ("~/.codeium/windsurf/mcp_config.json", _servers),
    "zed": (
        "settings.json",
        lambda launch: _json({"context_servers": {"kgmem": {"source": "custom", **launch.entry()}}}),
    ),
    "gemini-cli": ("~/.gemini/settings.json", _servers),
    "codex": ("~/.codex/config.toml", _codex),
    "openai-agents": ("Python", _openai_agents),
}


def config_for(host: str, launch: Launch) -> tuple[str, str]:
    """Return where the configuration of a host goes, and what goes there. Raises InvalidInput for an unknown host."""
    if host not in HOSTS:
        raise InvalidInput(f"There is no host {host[:40]!r}.", hint=f"Hosts are {', '.join(HOSTS)}.")
    place, write = HOSTS[host]
    return place, write(launch)
