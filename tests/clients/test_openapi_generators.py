"""Generators of clients take api/openapi.json with their default settings, and what they make compiles.

They are fetched once: openapi-python-client from PyPI, openapi-typescript, @hey-api/openapi-ts and typescript from npm.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.clients.environments import node, python

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parents[2] / "api" / "openapi.json"
OPERATIONS = [
    operation["operationId"]
    for methods in json.loads(DOCUMENT.read_text())["paths"].values()
    for operation in methods.values()
]
_PATIENCE = 300.0
_VALIDATE = """
import json, sys
import jsonschema
document = json.load(open(sys.argv[1]))
count = 0
for path, methods in document["paths"].items():
    for method, operation in methods.items():
        told = [(each["schema"], each["example"]) for each in operation.get("parameters", ()) if "example" in each]
        content = operation.get("requestBody", {}).get("content", {})
        told += [(each["schema"], each["example"]) for each in content.values() if "example" in each]
        for schema, example in told:
            whole = {**schema, "components": document["components"]}
            jsonschema.Draft202012Validator(whole).validate(example)
            count += 1
print(count)
"""


async def _run(command: Sequence[str | Path], folder: Path) -> str:
    """Return what a command prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, out.decode()[-3000:]
    return out.decode()


def _typescript(folder: Path) -> dict[Path, str]:
    return {file: file.read_text() for file in folder.rglob("*.ts")}


async def test_examples_are_valid_by_their_schemas(tmp_path: Path) -> None:
    script = tmp_path / "validate.py"
    script.write_text(_VALIDATE)
    assert int(await _run([python("jsonschema==4.26.0"), script, DOCUMENT], tmp_path)) > len(OPERATIONS)


async def test_openapi_python_client_makes_a_method_of_each_operation(tmp_path: Path) -> None:
    generator = python("openapi-python-client==0.29.1", "ruff")
    made = tmp_path / "client"
    command = [generator.with_name("openapi-python-client"), "generate", "--path", DOCUMENT, "--output-path", made]
    said = await _run(command, tmp_path)
    assert "WARNING" not in said, said
    assert "ERROR" not in said, said
    modules = {file.stem for file in made.glob("*/api/*/*.py")}
    assert modules >= set(OPERATIONS)
    await _run([generator, "-m", "compileall", "-q", made], tmp_path)


@pytest.mark.parametrize("generator", ["openapi-typescript", "@hey-api/openapi-ts"])
async def test_a_generator_for_typescript_makes_what_compiles(tmp_path: Path, generator: str) -> None:
    version = {"openapi-typescript": "7.13.0", "@hey-api/openapi-ts": "0.99.0"}[generator]
    installed = node(f"{generator}@{version}", "typescript@5.9.3")
    programs = installed / "node_modules" / ".bin"
    if generator == "openapi-typescript":
        await _run([programs / "openapi-typescript", DOCUMENT, "-o", tmp_path / "schema.ts"], installed)
    else:
        await _run([programs / "openapi-ts", "-i", DOCUMENT, "-o", tmp_path / "client"], installed)
    files = _typescript(tmp_path)
    text = "\n".join(files.values()).lower().replace("_", "")
    assert [each for each in OPERATIONS if each.replace("_", "") not in text] == []
    check = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext"]
    await _run(
        [programs / "tsc", *check, "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable", *files],
        tmp_path,
    )
