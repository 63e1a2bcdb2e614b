"""docs/security.md: its commands and its recipes for proxies are run, on a server of their own."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.certificates import Authority
from tests.pages import PAGES, blocks
from tests.postgres import short_folder

ROOT = Path(__file__).parents[2]
BLOCKS = blocks(PAGES["security.md"])


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


def _shell(text: str, folder: Path, **more: str) -> str:
    done = subprocess.run(
        ["bash", "-e", "-c", text], cwd=folder, env={**os.environ, **more}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (text, done.stdout, done.stderr)
    return done.stdout


def _commands(*words: str) -> list[str]:
    """Return the blocks for a shell that have one of these words."""
    return [block.text for block in BLOCKS if block.language == "sh" and any(word in block.text for word in words)]


def _address(server: "subprocess.Popen[bytes]", log: Path) -> str:
    for _ in range(1200):
        if found := re.search(r"serves at (https?://\S+)", log.read_text()):
            return found[1]
        assert server.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@contextmanager
def _server(folder: Path, database: str, *options: str, **settings: str) -> Iterator[str]:
    """Run `kgmem serve` as a process; gives its address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KGMEM_")}
    environment |= {
        "KGMEM_DATABASE_URL": database,
        "KGMEM_HOME": str(folder),
        "KGMEM_EMBEDDER": "none",
        "KGMEM_BOLT_PORT": "0",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}",
        **settings,
    }
    log = folder / "log"
    program = [sys.executable, "-c", "from kgmem.cli.main import run; run()"]
    with log.open("w") as out:
        server = subprocess.Popen(
            [*program, "serve", "--port", "0", "--no-worker", *options],
            env=environment,
            stdout=out,
            stderr=out,
            cwd=folder,
        )
        try:
            yield _address(server, log)
        finally:
            server.terminate()
            server.wait(60)


@pytest.mark.slow
def test_the_certificate_of_the_page_serves_tls(folder: Path, database_url: str) -> None:
    make, ask = _commands("openssl", "curl --cacert")
    _shell(make, folder)
    (told,) = _commands("KGMEM_TLS_KEY")
    settings = dict(pair.split("=") for pair in told.split()[:2])
    with _server(folder, database_url, "--workers", "2", **settings) as address:
        assert address.startswith("https://")
        port = address.rsplit(":", 1)[1]
        assert json.loads(_shell(ask.replace(":8420", f":{port}"), folder))["status"]
        assert "bolt+s://" in (folder / "log").read_text()


_PROXIES = {
    "caddy": (["caddy", "run", "--adapter", "caddyfile", "--config"], "Caddyfile"),
    "nginx": (["nginx", "-e", "stderr", "-g", "daemon off;", "-c"], "nginx.conf"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", _PROXIES)
def test_the_recipe_of_a_proxy_ends_tls_and_passes_answers_on(
    name: str, folder: Path, database_url: str, tmp_path: Path
) -> None:
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    authority = Authority(tmp_path)
    certificate, key = authority.issue("kgmem.example.com")
    command, file = _PROXIES[name]
    port = _free_port()
    recipe = next(block.text for block in BLOCKS if block.language == "text" and _FIRST[name] in block.text)
    with _server(folder, database_url, KGMEM_HOSTS="kgmem.example.com") as address:
        recipe = recipe.replace("http://127.0.0.1:8420", address).replace("127.0.0.1:8420", address[7:])
        if name == "caddy":
            told = f"kgmem.example.com:{port} {{\n  tls {certificate} {key}"
            recipe = "{\n  admin off\n  auto_https off\n}\n" + recipe.replace("kgmem.example.com {", told)
        else:
            recipe = recipe.replace("listen 443", f"listen 127.0.0.1:{port}").replace("/etc/kgmem/server.pem", "CERT")
            recipe = recipe.replace("/etc/kgmem/server.key", str(key)).replace("CERT", str(certificate))
            paths = "".join(f"{each}_temp_path {folder}/{each};" for each in _TEMPORARY)
            recipe = f"pid {folder}/pid; events {{}} http {{ access_log off; {paths} {recipe} }}"
        (folder / file).write_text(recipe)
        proxy = subprocess.Popen([*command, str(folder / file)], cwd=folder, env={**os.environ, "HOME": str(folder)})
        try:
            trusted = ssl.create_default_context(cafile=authority.file)
            _until_listening(port)
            with httpx.Client(verify=trusted) as client:
                answer = client.get(
                    f"https://127.0.0.1:{port}/health/ready",
                    headers={"Host": "kgmem.example.com"},
                    extensions={"sni_hostname": "kgmem.example.com"},
                )
            assert answer.status_code == 200, answer.text
        finally:
            proxy.terminate()
            proxy.wait(30)


_FIRST = {"caddy": "reverse_proxy", "nginx": "proxy_pass"}
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


def _until_listening(port: int) -> None:
    ends = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < ends
            time.sleep(0.05)
        else:
            return
