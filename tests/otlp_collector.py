"""An OpenTelemetry collector in the process: takes spans by OTLP over HTTP, and keeps them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """The spans that came, and the headers of the last request."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.headers: dict[str, str] = {}
        self.service = ""
        self.url = ""

    def names(self) -> set[str]:
        return {span.name for span in self.spans}

    def named(self, name: str) -> Any:
        return next(span for span in self.spans if span.name == name)

    def parents(self, name: str) -> list[str]:
        """Return the names of a span and of those around it, the outermost last."""
        by_id = {span.span_id: span for span in self.spans}
        found, span = [], self.named(name)
        while span is not None:
            found.append(span.name)
            span = by_id.get(span.parent_span_id)
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """Collect spans at an address of loopback during the block."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in request.resource_spans:
                named = {each.key: each.value.string_value for each in resource.resource.attributes}
                collector.service = named["service.name"]
                for scope in resource.scope_spans:
                    collector.spans += scope.spans
            collector.headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
