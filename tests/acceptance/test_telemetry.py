"""Flows as spans of OpenTelemetry: from a request through steps to statements, and on to the endpoints of models."""

import asyncio
import re
import sys

import httpx
import pytest
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.episode import Episode
from kgmem.settings import Settings, TelemetrySettings
from kgmem.store.db.statements import name_of, statement
from kgmem.telemetry.registry import TelemetryChoice, make_tracer
from kgmem_api.app import create_app
from tests.embedding_server import embedding_server
from tests.otlp_collector import collecting

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "Grace drinks oolong"


@pytest.mark.long
async def test_a_request_is_a_trace_from_its_caller_to_statements_and_models(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with embedding_server(64) as models:
        with collecting() as collector:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=memory%20one")
            monkeypatch.setenv("OTEL_SERVICE_NAME", "memories")
            settings = Settings(
                database_url=SecretStr(database_url), extractor="none",
                embedder="openai:text", embedder_url=f"{models.url}/v1", embedder_dimension=64,
            )  # fmt: skip
            async with open_memory(settings) as memory:
                await memory.graphs.create("main")
                await memory.episodes.put("main", [Episode(SECRET, "n1")])
                _, secret = await memory.keys.create("a", "admin")
                app = create_app(memory, settings=settings)
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
                    answer = await client.post(
                        "/v1/graphs/main/recall",
                        json={"what": {"text": SECRET}},
                        headers={"Authorization": f"Bearer {secret}", "traceparent": f"00-{TRACE}-{PARENT}-01"},
                    )
                assert answer.status_code == 200
                flow = await memory.flows.get(answer.headers["X-Flow-ID"])
                sent = models.requests[-1].headers["traceparent"]
    assert flow.trace_id == TRACE
    served = "POST /v1/graphs/{graph}/recall"
    assert collector.parents("recall.search") == ["recall.search", "recall", served]
    assert collector.parents("recall.rank.fetch")[1:] == ["recall.rank", "recall", served]
    assert collector.named(served).parent_span_id.hex() == PARENT
    assert {span.trace_id.hex() for span in collector.spans if span.name.startswith("recall")} == {TRACE}
    under = {collector.named("recall.search").span_id, collector.named("recall.rank.fetch").span_id}
    assert {span.name for span in collector.spans if span.name.startswith("sql ") and span.parent_span_id in under}
    assert len([name for name in collector.names() if re.fullmatch(r"sql \w+\.\w+", name)]) > 5
    version, trace, parent, flags = sent.split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert parent == collector.named("recall.embed").span_id.hex()
    assert (collector.service, collector.headers["x-team"]) == ("memories", "memory one")
    told = repr(collector.spans)
    assert SECRET not in told
    assert "SELECT " not in told
    assert secret not in told


def test_a_statement_is_named_by_its_file_or_by_its_first_word() -> None:
    assert name_of(statement("metrics", "ping")) == "sql metrics.ping"
    assert name_of(" SELECT secret") == "sql SELECT"
    assert name_of("") == "sql statement"


async def test_an_error_is_a_code_and_counts_are_numbers(database_url: str) -> None:
    with collecting() as collector:
        tracer = make_tracer(TelemetryChoice(f"{collector.url}/v1/traces"))
        assert tracer is not None
        span = tracer.start("recall", {"kgmem.graph": "main"})
        span.end({"hits": 3}, "not-found")
        await tracer.aclose()
    (found,) = collector.spans
    attributes = {each.key: each.value.int_value or each.value.string_value for each in found.attributes}
    assert attributes == {"kgmem.graph": "main", "kgmem.count.hits": 3, "error.type": "not-found"}


async def test_a_collector_that_is_away_fails_nothing() -> None:
    tracer = make_tracer(TelemetryChoice("http://127.0.0.1:1/v1/traces", timeout=0.1))
    assert tracer is not None
    tracer.start("recall", {}).end({}, None)
    await asyncio.wait_for(tracer.aclose(), 20)


async def test_what_the_sampler_leaves_out_is_not_exported() -> None:
    with collecting() as collector:
        tracer = make_tracer(TelemetryChoice(f"{collector.url}/v1/traces", sampler="parentbased_always_off"))
        assert tracer is not None
        span = tracer.start("recall", {})
        assert span.trace_id is None
        span.end({}, None)
        await tracer.aclose()
    assert collector.spans == []


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({}, None),
        ({"ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"ENDPOINT": "http://c:4318", "TRACES_ENDPOINT": "http://d/x"}, "http://d/x"),
    ],
)
def test_settings_are_those_of_opentelemetry(
    variables: dict[str, str], endpoint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    assert TelemetrySettings().endpoint == endpoint
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert TelemetrySettings().endpoint is None


def test_missing_packages_are_named_with_the_extra_that_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_tracer(None) is None
    monkeypatch.setitem(sys.modules, "kgmem.telemetry.otlp", None)
    with pytest.raises(InvalidInput, match=r"kgmem\[otel\]"):
        make_tracer(TelemetryChoice("http://c/v1/traces"))
