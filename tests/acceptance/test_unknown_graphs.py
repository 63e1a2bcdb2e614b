"""What the façade says of all its methods: one that takes the name of a graph raises NotFound where there is none."""

import inspect

import pytest

from kgmem.domain.errors import NotFound
from kgmem.memory import Memory

# What some methods need besides, though their signatures have defaults for it.
BESIDES = {"verify": {"text": "Ada drinks tea."}, "withdraw_claims": {"source": "nasa"}}


def _asked_of_a_graph() -> list[str]:
    """The asynchronous methods that need nothing but a graph."""
    found = []
    for name, method in inspect.getmembers(Memory, inspect.iscoroutinefunction):
        parameters = list(inspect.signature(method).parameters.values())[1:]
        needed = [each.name for each in parameters if each.default is inspect.Parameter.empty]
        if needed == ["graph"] and not name.startswith("_"):
            found.append(name)
    return found


@pytest.mark.parametrize("name", _asked_of_a_graph())
async def test_a_graph_that_is_not_there_is_an_error(name: str, memory: Memory) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        await getattr(memory, name)("nowhere", **BESIDES.get(name, {}))


def test_there_are_such_methods() -> None:
    assert len(_asked_of_a_graph()) > 20
