"""Every module of the packages is reached from a program, from `import kgmem`, or from the REST server."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.sources import nodes

ROOT = Path(__file__).parents[2]
PACKAGES = {"kgmem": ROOT / "kgmem", "kgmem_api": ROOT / "api" / "kgmem_api"}
ENTRIES = ("kgmem.cli.main", "kgmem", "kgmem_api", "kgmem_api.openapi")


def modules() -> dict[str, Path]:
    """The modules of the packages by name."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def named(module: str, path: Path) -> Iterator[str]:
    """What a module imports, and what its strings name: registries load modules by name when they are asked for."""
    prefixes, texts = {f"{module.partition('.')[0]}.", ""}, set()
    for node in nodes(path):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(source), level=0):
                yield source
                yield from (f"{source}.{alias.name}" for alias in node.names)
            case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), *_]):
                prefixes.add(prefix)
            case ast.Constant(value=str(text)):
                texts.add(text.partition(":")[0])
    yield from (prefix + text for prefix in prefixes for text in texts)


def reached(known: dict[str, Path]) -> set[str]:
    """The modules that the entry points lead to."""
    seen: set[str] = set()
    waiting = list(ENTRIES)
    while waiting:
        module = waiting.pop()
        while module and module not in known:  # A name inside of a module.
            module = module.rpartition(".")[0]
        if module and module not in seen:
            seen.add(module)
            waiting += [module.rpartition(".")[0], *named(module, known[module])]
    return seen


def test_no_module_is_left_that_nothing_leads_to() -> None:
    known = modules()
    assert sorted(known.keys() - reached(known)) == []
