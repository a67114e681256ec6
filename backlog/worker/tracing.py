"""A trace for each attempt, by OpenTelemetry, where the environment asks for one.

The span of an attempt is what its command finds in `TRACEPARENT`: what the command traces is part
of the same trace. Nothing of OpenTelemetry is imported before it is asked for.
"""

import logging
from collections.abc import Callable, Mapping
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from backlog.records import Record

if TYPE_CHECKING:
    from opentelemetry.trace import Span

# Where traces go is said by one of these, as OpenTelemetry has it.
_ENDPOINTS: Final = (b"OTEL_EXPORTER_OTLP_ENDPOINT", b"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EXPORTER: Final = b"OTEL_TRACES_EXPORTER"
_PROTOCOLS: Final = (b"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", b"OTEL_EXPORTER_OTLP_PROTOCOL")
_NAMED_BY: Final = (b"OTEL_SERVICE_NAME", b"OTEL_RESOURCE_ATTRIBUTES")
_OTLP: Final = (b"", b"otlp")
_HTTP: Final = (b"", b"http/protobuf")

_SERVICE: Final = "fleet-backlog"
# What is not the end that somebody meant.
_ERRORS: Final = frozenset({"failed", "expired", "lost", "refused"})
_LAST_WORDS_SECONDS: Final = 2.0

Environ = Mapping[bytes, bytes]


class Trace:
    """Of one attempt; this one is none. `environ`: what its command is told of it."""

    environ: Environ = {}

    def end(self, how: str, why: str | None) -> None:
        """The attempt is over: as its log has it, and why."""


class Traces:
    """Of a worker; these are none."""

    def begin(self, card: Record, owner: str) -> Trace:
        """The attempt at this card begins."""
        return Trace()

    def close(self) -> None:
        """Let the last ones out, if somebody takes them."""


def traces(environ: Environ, log: Callable[..., object]) -> Traces:
    """The worker's, if its environment asks for any; what keeps them away is a line of the log."""
    exporter = environ.get(_EXPORTER, b"").strip().lower()
    off = environ.get(b"OTEL_SDK_DISABLED", b"").strip().lower() == b"true"
    if off or exporter == b"none" or not any(environ.get(n) for n in (_EXPORTER, *_ENDPOINTS)):
        return Traces()
    protocol = next(filter(None, (environ.get(name) for name in _PROTOCOLS)), b"").strip().lower()
    if exporter not in _OTLP or protocol not in _HTTP:
        log("untraced", reason="traces go by OTLP over HTTP (otlp, http/protobuf) and no other way")
        return Traces()
    try:
        return _Sent(environ, log)
    except ImportError:
        wanted = "OpenTelemetry is not installed: pip install 'fleet-backlog[otel]'"
        log("untraced", reason=wanted)
        return Traces()


class _Complaints(logging.Handler):
    """What OpenTelemetry complains of, as lines of the worker's log; the same again is left out."""

    def __init__(self, log: Callable[..., object]) -> None:
        super().__init__(logging.WARNING)
        self._tell, self._said = log, ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg != self._said:
            self._said = record.msg
            self._tell("untraced", reason=record.getMessage())


class _Sent(Traces):
    def __init__(self, environ: Environ, log: Callable[..., object]) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [_Complaints(log)], False
        named = any(environ.get(name) for name in _NAMED_BY)
        about = Resource.create({} if named else {SERVICE_NAME: _SERVICE})
        self._provider = TracerProvider(resource=about, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("backlog.work")
        self._propagator = TraceContextTextMapPropagator()
        names = ("traceparent", "tracestate")
        given = {name: environ.get(name.upper().encode(), b"").decode() for name in names}
        self._parent = self._propagator.extract(given)

    def begin(self, card: Record, owner: str) -> Trace:
        from opentelemetry.trace import SpanKind, set_span_in_context

        said: dict[str, Any] = {"card": card.id, "owner": owner, "attempt": card.attempts}
        said |= {"phase": card.phase, "role": card.role}
        span = self._tracer.start_span(
            "attempt",
            self._parent,
            SpanKind.CONSUMER,
            {f"backlog.{key}": value for key, value in said.items() if value is not None},
        )
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, set_span_in_context(span))
        return _Traced(span, carrier)

    def close(self) -> None:
        # On a thread: whoever takes them may be away, and the worker ends all the same.
        closing = Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_LAST_WORDS_SECONDS)


class _Traced(Trace):
    def __init__(self, span: "Span", carrier: Mapping[str, str]) -> None:
        self._span = span
        self.environ = {name.upper().encode(): value.encode() for name, value in carrier.items()}

    def end(self, how: str, why: str | None) -> None:
        from opentelemetry.trace import Status, StatusCode

        said: dict[str, Any] = {"backlog.outcome": how, **({"backlog.ending": why} if why else {})}
        self._span.set_attributes(said)
        if how in _ERRORS:
            self._span.set_status(Status(StatusCode.ERROR, why or how))
        self._span.end()
