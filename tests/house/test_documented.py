"""Every route and every setting is documented, and the OpenAPI document in the repository is fresh."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from kgmem.domain import errors
from kgmem.settings import Settings, TelemetrySettings
from kgmem_api.openapi import COMMAND, FIELDS, FILE, main, written
from tests.rest_app import bare_app

ROOT = Path(__file__).parents[2]
REST = (ROOT / "docs" / "rest.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
EXAMPLES = (ROOT / "api" / "examples.http").read_text()
ROUTES = [route for route in bare_app().routes if isinstance(route, APIRoute)]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.methods} {route.path_format}")
def test_every_route_is_named_and_shown_by_an_example(route: APIRoute) -> None:
    assert f"{route.path_format}`" in REST or f"{route.path_format}?" in REST, "docs/rest.md does not name it"
    address = re.escape(route.path_format).replace(r"\{graph\}", "[^/]+").replace(r"\{id\}", r"[^/?\"]+")
    address = address.replace(r"\{key\}", r"[^?\" ]+")
    address = re.sub(r"\\\{\w+\\\}", lambda _: r"[^/?\" ]+", address)
    for method in route.methods or ():
        flag = "" if method == "GET" else f"-X {method} "
        assert re.search(rf'^curl {flag}"\$KGMEM{address}["?]', REST, re.MULTILINE), (
            f"docs/rest.md: no curl of {method}"
        )
        shown = re.search(rf"^{method} \{{\{{server\}}\}}{address}(\?|$)", EXAMPLES, re.MULTILINE)
        assert shown, f"api/examples.http: no {method}"


def test_every_setting_is_in_its_table_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `KGMEM_(\w+)` \| (.+?) \|", SETTINGS, re.MULTILINE))
    assert list(rows) == [name.upper() for name in Settings.model_fields]
    for name, field in Settings.model_fields.items():
        if field.default_factory is None and field.default is not None:
            assert rows[name.upper()] == f"`{_plain(field.default)}`"


def test_every_setting_of_traces_is_in_its_table_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `OTEL_(\w+)` \| (.+?) \|", SETTINGS, re.MULTILINE))
    assert rows.keys() == {name.upper() for name in TelemetrySettings.model_fields}
    for name, field in TelemetrySettings.model_fields.items():
        assert rows[name.upper()] == ("none" if field.default is None else f"`{_plain(field.default)}`")


def test_every_kind_of_error_is_in_the_table_of_errors() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.KgmemError)]
    for kind in kinds:
        if kind is not errors.KgmemError and not issubclass(kind, errors.ServerError):
            assert f"`{kind.code}`" in REST, kind


def test_the_openapi_document_and_the_tables_of_fields_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_file_is_told_with_the_command_that_renews_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("api", "docs"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr("kgmem_api.openapi.ROOT", tmp_path)
    assert main(["--check"]) == 1
    told = capsys.readouterr().err
    assert COMMAND in told
    assert str(FILE) in told
    assert str(FIELDS) in told
    assert main([]) == 0
    assert {path: (tmp_path / path).read_bytes() for path in (FILE, FIELDS)} == written()
    assert main(["--check"]) == 0


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
