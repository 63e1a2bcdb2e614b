"""The configuration of hosts is what each reads."""

import ast
import json
import shlex
import tomllib

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.mcp.bridge import endpoint_of
from kgmem.mcp.caller import ConnectionOptions
from kgmem.mcp.hosts import HOSTS, Launch, config_for

LAUNCH = Launch("/opt/my tools/kgmem", ("mcp", "--tools", "all"), {"KGMEM_HOME": '/data/a "b"'})
ENTRY = {"command": LAUNCH.command, "args": list(LAUNCH.arguments), "env": dict(LAUNCH.environment)}


@pytest.mark.parametrize("host", ["claude-desktop", "cursor", "windsurf", "gemini-cli"])
def test_most_hosts_read_the_same_json(host: str) -> None:
    assert json.loads(config_for(host, LAUNCH)[1]) == {"mcpServers": {"kgmem": ENTRY}}


def test_others_have_forms_of_their_own() -> None:
    assert json.loads(config_for("vscode", LAUNCH)[1]) == {"servers": {"kgmem": {"type": "stdio", **ENTRY}}}
    assert json.loads(config_for("zed", LAUNCH)[1])["context_servers"]["kgmem"]["command"] == LAUNCH.command
    assert tomllib.loads(config_for("codex", LAUNCH)[1]) == {"mcp_servers": {"kgmem": ENTRY}}
    words = shlex.split(config_for("claude-code", LAUNCH)[1])
    assert words[:4] == ["claude", "mcp", "add", "kgmem"]
    assert words[words.index("--env") + 1] == 'KGMEM_HOME=/data/a "b"'
    assert words[words.index("--") + 1 :] == [LAUNCH.command, *LAUNCH.arguments]
    ast.parse(config_for("openai-agents", LAUNCH)[1])


def test_an_unknown_host_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidInput) as refused:
        config_for("emacs", LAUNCH)
    assert all(host in refused.value.hint for host in HOSTS)


def test_the_address_of_a_server_gets_the_endpoint_and_the_options() -> None:
    options = ConnectionOptions("analyst", "apollo", "user/1", read_only=True)
    assert endpoint_of("http://h:1/", ConnectionOptions()) == "http://h:1/mcp"
    assert endpoint_of("https://h/kgmem/mcp", options) == (
        "https://h/kgmem/mcp?tools=analyst&graph=apollo&scope=user%2F1&read_only=true"
    )
    with pytest.raises(InvalidInput):
        endpoint_of("localhost:8420", options)
