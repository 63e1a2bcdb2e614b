"""What `import kgmem` gives."""

import ast
import subprocess
import sys
from pathlib import Path

import kgmem
from kgmem.domain import errors

SOURCE = Path(kgmem.__file__)


def test_the_list_of_exports_is_sorted_and_each_can_be_had() -> None:
    assert kgmem.__all__ == sorted(kgmem.__all__)
    assert len(set(kgmem.__all__)) == len(kgmem.__all__)
    for name in kgmem.__all__:
        assert getattr(kgmem, name) is not None


def test_the_list_of_exports_is_complete() -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(SOURCE.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kgmem"):
            imported |= {alias.asname or alias.name for alias in node.names}
    assert imported | {"__version__"} == set(kgmem.__all__)


def test_every_kind_of_error_is_exported() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds <= set(kgmem.__all__)


def test_importing_kgmem_brings_in_no_driver_and_no_model() -> None:
    heavy = ("asyncpg", "psycopg", "numpy", "onnxruntime", "pydantic", "fastapi", "alembic", "procrastinate")
    code = f"import sys, kgmem; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
