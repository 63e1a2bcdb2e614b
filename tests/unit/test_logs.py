"""Logs: what is blotted out, and in which form they come."""

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from kgmem.log import EventLog
from kgmem.settings import Settings
from kgmem_api.server import configure, redact


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2",
        "{'authorization': 'hunter2'}",
        "got Bearer hunter2 from a client",
        "postgresql://kgmem:hunter2@localhost/kgmem",
        "redis://:hunter2@localhost",
        "the key kgm_abcdefghijkl_hunter2 was refused",
    ],
)
def test_secrets_in_texts_are_blotted_out(text: str) -> None:
    assert "hunter2" not in redact(None, "info", {"event": text})["event"]


@pytest.mark.parametrize("name", ["authorization", "password", "secret", "api_key", "token"])
def test_fields_that_are_secrets_are_blotted_out(name: str) -> None:
    assert redact(None, "info", {"event": "x", name: "hunter2"})[name] == "***"


def test_what_is_no_secret_stays() -> None:
    event = {"event": "see https://example.org/a:b for more", "key": "abc", "ms": 3}
    assert redact(None, "info", dict(event)) == event


def test_logs_of_libraries_take_the_same_form() -> None:
    out = io.StringIO()
    configure(Settings(log_format="json"), stream=out)
    logging.getLogger("uvicorn.error").warning("low on %s", "memory")
    structlog.get_logger().info("hello", graph="main")
    first, second = map(orjson.loads, out.getvalue().splitlines())
    assert (first["event"], first["level"], first["logger"]) == ("low on memory", "warning", "uvicorn.error")
    assert (second["event"], second["level"], second["graph"]) == ("hello", "info", "main")


def test_an_event_of_kgmem_is_a_key_with_fields() -> None:
    out = io.StringIO()
    configure(Settings(log_format="json"), stream=out)
    EventLog("kgmem.test").warning("import_deferred", import_id=7, error=ValueError("postgresql://kgmem:hunter2@host"))
    EventLog("kgmem.test").crash("import_failed", ValueError("no way"))
    first, second = map(orjson.loads, out.getvalue().splitlines())
    assert (first["event"], first["level"], first["logger"]) == ("import_deferred", "warning", "kgmem.test")
    assert (first["import_id"], first["error"]) == (7, "postgresql://kgmem:***@host")
    assert (second["event"], second["level"]) == ("import_failed", "error")
    assert "ValueError: no way" in second["exception"]


def test_an_event_is_one_line_of_text_where_a_program_has_its_own_logging(caplog: pytest.LogCaptureFixture) -> None:
    EventLog("kgmem.test").warning("import_deferred", import_id=7, error=ValueError("no room"))
    (record,) = caplog.records
    assert record.getMessage() == "import_deferred import_id=7 error='no room'"


def test_less_than_the_level_is_not_written() -> None:
    out = io.StringIO()
    configure(Settings(log_format="text", log_level="error"), stream=out)
    structlog.get_logger().info("hello")
    logging.getLogger("uvicorn.error").warning("hello")
    assert out.getvalue() == ""
    structlog.get_logger().error("trouble")
    assert "trouble" in out.getvalue()
