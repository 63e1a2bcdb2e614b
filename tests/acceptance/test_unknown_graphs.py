"""What the façade says of all its methods: one that takes the name of a graph raises NotFound where there is none."""

import inspect
from operator import attrgetter
from typing import Any, cast

import pytest

from kgmem.domain.errors import NotFound
from kgmem.memory import Memory

# What some methods need besides, though their signatures have defaults for it.
BESIDES = {"claims.verify": {"text": "Ada drinks tea."}, "claims.withdraw": {"source": "nasa"}}


def _methods_of_a_graph() -> list[str]:
    """The asynchronous methods that need nothing but a graph, as `noun.method`."""
    found = []
    for noun, service in vars(Memory(cast(Any, None))).items():
        for name, method in inspect.getmembers(service, inspect.iscoroutinefunction):
            parameters = inspect.signature(method).parameters.values()
            needed = [each.name for each in parameters if each.default is inspect.Parameter.empty]
            if needed == ["graph"] and not name.startswith("_"):
                found.append(f"{noun}.{name}")
    return found


@pytest.mark.parametrize("name", _methods_of_a_graph())
async def test_a_graph_that_is_not_there_is_an_error(name: str, memory: Memory) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        await attrgetter(name)(memory)("nowhere", **BESIDES.get(name, {}))


def test_there_are_such_methods() -> None:
    assert len(_methods_of_a_graph()) > 20
