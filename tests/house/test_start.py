"""What a server loads before anybody asks it for anything: memory and the time of a start are spent on that."""

import os
import subprocess
import sys

import pytest

# Each is for imports, exports, migrations, resolution or embedding, and comes in with the first of these.
LATE = (
    "alembic",
    "cryptography",
    "defusedxml",
    "httpx2",
    "jsonschema",
    "mcp",
    "mcp_types",
    "networkx",
    "neo4j",
    "onnxruntime",
    "pyarrow",
    "pyoxigraph",
    "rapidfuzz",
    "rdflib",
    "shapely",
    "sqlalchemy",
)
MOST_MEGABYTES = 142
_SCRIPT = """
import pathlib, resource, sys
import kgmem.cli.main, kgmem.cli.serve, kgmem.bootstrap, kgmem_api.server
print(*(name for name in sys.argv[1:] if name in sys.modules))
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
print(pages * resource.getpagesize() // 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process tells its size in other ways")
def test_a_server_that_is_asked_for_nothing_loads_nothing_for_it() -> None:
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _SCRIPT, *LATE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    loaded, megabytes = done.stdout.split("\n")[:2]
    assert loaded == ""
    assert int(megabytes) <= MOST_MEGABYTES
