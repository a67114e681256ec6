"""Traces: each attempt is a span, its command is told of it, and who collects them hears of it."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from backlog.worker import tracing
from tests.command import On
from tests.servers import free_port

pytestmark = pytest.mark.one_tier

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@contextmanager
def _collector() -> Iterator[tuple[str, list[bytes]]]:
    """Where spans may be sent to, and what came."""
    came: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", came
        server.shutdown()


def _spans(came):
    """Each span, and what is said of whoever sent it."""
    for each in came:
        for sent in ExportTraceServiceRequest.FromString(each).resource_spans:
            about = _values(sent.resource.attributes)
            yield from ((span, about) for scope in sent.scope_spans for span in scope.spans)


def _values(attributes):
    return {each.key: each.value.string_value or each.value.int_value for each in attributes}


def test_an_attempt_is_a_span_of_which_its_command_is_told(card, work):
    card("A", phase="M1")
    with _collector() as (url, came):
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "TRACEPARENT": PARENT}
        ran = work("echo $TRACEPARENT; echo oops >&2; exit 3", "--once", env=env)
        ((span, sender),) = _spans(came)
    assert ran.out == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01\n"
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == tuple(PARENT.split("-")[1:3])
    assert _values(span.attributes) == {
        "backlog.card": "A",
        "backlog.owner": "w",
        "backlog.attempt": 1,
        "backlog.phase": "M1",
        "backlog.outcome": "failed",
        "backlog.ending": "exit status 3: oops",
    }
    assert (span.status.code, sender["service.name"]) == (2, "fleet-backlog")


def test_nobody_who_collects_them_costs_no_card_and_is_one_line(card, work):
    card("A")
    card("B")
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    ran = work("exit 0", "--drain", env=env)
    assert (ran.status, ran.err.count("what=completed")) == (0, 2)
    assert len(re.findall("what=untraced", ran.err)) <= 1
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({b"OTEL_EXPORTER_OTLP_ENDPOINT": b"http://x"}, "pip install 'fleet-backlog[otel]'"),
        ({b"OTEL_TRACES_EXPORTER": b"zipkin"}, "by OTLP over HTTP"),
        (
            {b"OTEL_TRACES_EXPORTER": b"otlp", b"OTEL_EXPORTER_OTLP_PROTOCOL": b"grpc"},
            "by OTLP over HTTP",
        ),
        ({b"OTEL_TRACES_EXPORTER": b"none", b"OTEL_EXPORTER_OTLP_ENDPOINT": b"http://x"}, ""),
        ({b"OTEL_SDK_DISABLED": b"true", b"OTEL_EXPORTER_OTLP_ENDPOINT": b"http://x"}, ""),
        ({}, ""),
    ],
)
def test_what_keeps_traces_away_is_one_line(monkeypatch, environ, reason):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)  # as if it were not there
    said = []
    made = tracing.traces(environ, lambda what, reason: said.append((what, reason)))
    assert type(made) is tracing.Traces
    assert [what for what, _ in said] == (["untraced"] if reason else [])
    assert reason in json.dumps(said)


def test_nothing_of_it_is_imported_where_nobody_asks():
    code = "import sys, backlog.worker.worker; print('opentelemetry' in sys.modules)"
    with On().python(code) as process:
        assert process.stdout.read() == "False\n"
