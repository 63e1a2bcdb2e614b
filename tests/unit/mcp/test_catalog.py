"""Which tools a connection offers, and their schemas: flat, without what the connection fixes."""

from typing import Any

import pytest

from kgmem.domain.access import Key
from kgmem.domain.errors import InvalidInput
from kgmem.mcp.caller import Caller, ConnectionOptions, options_of
from kgmem.mcp.catalog import ALL, PROFILES, check_tools, tools_of
from kgmem.mcp.tool import Tool
from kgmem.memory import Memory

OFFICIAL = {
    "create_entities", "create_relations", "add_observations", "delete_entities", "delete_observations",
    "delete_relations", "read_graph", "search_nodes", "open_nodes",
}  # fmt: skip


async def _none() -> Memory:
    raise AssertionError


def caller(role: Any = "admin", *, scope: str = "", graph: str | None = None, **options: Any) -> Caller:
    """A connection by a key."""
    return Caller(Key("k", "k", role, graph, scope), ConnectionOptions(**options), _none)


def test_each_profile_offers_few_tools() -> None:
    assert len(PROFILES["memory"]) == 10
    assert len(PROFILES["analyst"]) <= 13
    assert set(PROFILES["compat"]) == OFFICIAL


def test_profiles_and_tools_are_combined_and_each_tool_comes_once() -> None:
    assert check_tools("memory, run_cypher,recall") == (*PROFILES["memory"], "run_cypher")
    assert set(check_tools("all")) == set(ALL)


@pytest.mark.parametrize("chosen", ["", "memories", "memory,", "recall;forget"])
def test_an_unknown_profile_is_refused_with_those_that_exist(chosen: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_tools(chosen)
    assert "analyst" in refused.value.hint


def test_who_may_only_read_is_offered_no_tool_that_writes() -> None:
    for one in (caller("reader"), caller("admin", read_only=True)):
        assert not {"remember", "forget", "update_fact"} & set(tools_of(one))
        assert "recall" in tools_of(one)


def test_scope_and_graph_are_arguments_only_where_neither_key_nor_connection_fixes_them() -> None:
    def arguments(one: Caller) -> set[str]:
        return set(ALL["recall"].input_schema(one)["properties"])

    assert {"scope", "graph"} <= arguments(caller())
    assert "scope" not in arguments(caller("writer", scope="user/1"))
    assert "graph" not in arguments(caller(graph="apollo"))
    fixed = Caller(Key("k", "k", "admin"), ConnectionOptions(graph="apollo", scope=""), _none)
    assert not {"scope", "graph"} & arguments(fixed)


def test_only_who_may_write_is_offered_a_query_that_writes() -> None:
    tool = ALL["run_cypher"]
    assert "write" in tool.input_schema(caller("writer"))["properties"]
    assert "write" not in tool.input_schema(caller("reader"))["properties"]
    assert tool.only_reads(caller("reader"))
    assert not tool.only_reads(caller("writer"))


@pytest.mark.parametrize("tool", ALL.values(), ids=lambda tool: tool.name)
def test_schemas_are_whole_and_plain(tool: Tool) -> None:
    schema, result = tool.input_schema(caller()), tool.output_schema()
    assert schema["type"] == result["type"] == "object"
    assert schema["additionalProperties"] is False
    for words in ("$ref", "$defs", '"title"', "'title'", "'null'"):
        assert words not in str(schema)
        assert words not in str(result)
    assert sorted(schema["properties"]) == sorted(tool.names(caller()))
    for name, told in schema["properties"].items():
        assert "description" in told or told["type"] == "array", name
        if tool.name not in OFFICIAL and name != "parameters":
            assert told.get("type") in {"string", "integer", "number", "boolean", None}, name


@pytest.mark.parametrize("tool", ALL.values(), ids=lambda tool: tool.name)
def test_descriptions_are_short_sentences(tool: Tool) -> None:
    assert tool.description.endswith(".")
    assert len(tool.description) <= 400


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"tool": "memory"}, "tools"),
        ({"read_only": "maybe"}, "true or false"),
        ({"scope": "a b"}, "path"),
        ({"graph": "1"}, "letter"),
    ],
)
def test_a_wrong_parameter_of_the_address_is_refused(query: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        options_of(query)
    assert words in str(refused.value)


def test_parameters_of_the_address_become_options() -> None:
    told = options_of({"tools": "analyst", "graph": "apollo", "scope": "user/1", "read_only": "true"})
    assert told == ConnectionOptions("analyst", "apollo", "user/1", read_only=True)
    assert options_of({}) == ConnectionOptions()
