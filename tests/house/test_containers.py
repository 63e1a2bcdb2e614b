"""The container files, as far as they can be checked where no engine runs."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from kgmem.settings import Settings

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

ROOT = Path(__file__).parents[2]
DOCKERFILES = {"Dockerfile": ROOT, "docker/postgres.Dockerfile": ROOT / "docker"}
# Variables of the compose file's own, which docker compose takes from .env.
OF_COMPOSE = {"KGMEM_POSTGRES_PASSWORD", "KGMEM_POSTGRES_PUBLISHED", "KGMEM_PUBLISHED", "KGMEM_BOLT_PUBLISHED"}


def instructions(name: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with their arguments, continued lines joined."""
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text())
    lines = (line.strip() for line in text.splitlines())
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line and not line.startswith("#")]


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return parsed


def images() -> Iterator[str]:
    """Every image that is pulled or built."""
    for name in DOCKERFILES:
        yield from (words.split()[0] for verb, words in instructions(name) if verb == "FROM")
    yield from (service["image"] for service in compose()["services"].values())


def test_compose_has_what_kgmem_uses_and_nothing_else() -> None:
    assert {"kgmem", "migrate", "postgres", "redis"} == compose()["services"].keys()


def test_every_service_that_stays_has_a_health_check() -> None:
    for name, service in compose()["services"].items():
        if name != "migrate":
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert service["restart"] == "unless-stopped", name


def test_services_wait_for_what_they_need() -> None:
    services = compose()["services"]
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] in ("service_healthy", "service_completed_successfully")
            assert needed in services
    assert services["kgmem"]["depends_on"].keys() == {"postgres", "migrate"}


def test_every_service_with_data_keeps_it_on_a_named_volume() -> None:
    parsed = compose()
    used = {volume.split(":")[0] for service in parsed["services"].values() for volume in service.get("volumes", [])}
    assert used == parsed["volumes"].keys() == {"postgres-data", "kgmem-data", "redis-data"}


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_images_have_a_version() -> None:
    found = list(images())
    assert len(found) > 4
    for image in found:
        name, _, tag = image.partition(":")
        assert name
        assert re.search(r"\d", tag), image
        assert "latest" not in tag, image


def test_copied_paths_exist_and_reach_the_build() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] not in "#!"]
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name, context in DOCKERFILES.items():
        for verb, words in instructions(name):
            if verb not in ("COPY", "ADD") or "--from=" in words:
                continue
            for source in words.split()[:-1]:
                assert (context / source).exists(), f"{name} copies {source}, which does not exist"
                if context == ROOT:
                    assert not any(fnmatch(source, pattern) for pattern in ignored) or source in allowed, source


def test_the_image_holds_all_that_the_wheel_is_made_of() -> None:
    copied = {word for verb, words in instructions("Dockerfile") if verb == "COPY" for word in words.split()[:-1]}
    project = (ROOT / "pyproject.toml").read_text()
    included = re.search(r"force-include\]\n((?:\".*\n)+)", project)
    assert included
    assert set(re.findall(r'^"([^"]+)"', included.group(1), re.MULTILINE)) <= copied


def test_kgmem_does_not_run_as_root() -> None:
    users = [words for verb, words in instructions("Dockerfile") if verb == "USER"]
    assert users == ["kgmem"]
    verbs = [verb for verb, _ in instructions("Dockerfile")]
    assert verbs.index("USER") < verbs.index("ENTRYPOINT")
    assert "HEALTHCHECK" in verbs


def test_postgres_brings_the_extensions() -> None:
    (install,) = [words for verb, words in instructions("docker/postgres.Dockerfile") if verb == "RUN"]
    for package in ("postgresql-18-age", "postgresql-18-pgvector", "postgresql-18-pg-textsearch"):
        assert package in install
    assert "shared_preload_libraries" in install


def test_settings_named_there_exist() -> None:
    names = {f"KGMEM_{name.upper()}" for name in Settings.model_fields}
    for path in ("Dockerfile", "docker-compose.yml"):
        # What a comment names counts as well: people copy it.
        found = set(re.findall(r"\bKGMEM_[A-Z_]+", (ROOT / path).read_text()))
        assert found <= names | OF_COMPOSE, found - names - OF_COMPOSE
    environment = compose()["services"]["kgmem"]["environment"]
    assert environment.keys() <= names


@pytest.mark.parametrize("path", ["Dockerfile", "docker/postgres.Dockerfile", "docker-compose.yml"])
def test_no_secret_is_baked_in(path: str) -> None:
    text = (ROOT / path).read_text()
    assigned = re.findall(r"(?im)^\s*(?:ENV |ARG )?\w*(?:password|secret|token|key)\w*[:=]\s*(\S+)", text)
    in_urls = re.findall(r"://[\w.]+:([^@/\s]+)@", text)
    assert all(secret.startswith("${") for secret in [*assigned, *in_urls])
    assert len(in_urls) == (path == "docker-compose.yml")


def test_valkey_evicts_caches_alone_and_nothing_waits_for_it() -> None:
    services = compose()["services"]
    command = services["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1].startswith("volatile-")
    assert all("redis" not in service.get("depends_on", {}) for service in services.values())
    assert "ports" not in services["redis"]
    assert "redis://redis:" in services["kgmem"]["environment"]["KGMEM_REDIS_URL"]


def test_the_client_of_redis_in_the_image_is_the_tested_one() -> None:
    lock = (ROOT / "docker" / "redis.lock").read_text()
    assert lock.startswith("redis==")
    assert lock in (ROOT / "requirements-test.lock").read_text()
