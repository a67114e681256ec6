"""`/metrics`: what Prometheus asks, in whichever of its formats it asks for."""

import logging
import platform
import time
from collections.abc import Iterator
from threading import Lock
from typing import Final

import django
from django.contrib.auth.decorators import login_not_required
from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import backlog
from backlog.connection import DjangoSession
from backlog.records import one_line
from backlog.session import as_refusal
from backlog.verbs.figures import COUNTER, Figure, figures, one
from fleet_backlog.serving import latency, readers

# For how long an answer of the store is given again: at the least, and in times of what it took.
# So whoever asks, and however often, has a process spend a twentieth of its time on it.
_FRESH_SECONDS: Final = 2.0
_FRESH_TIMES: Final = 20
# What Prometheus waits for an answer, unless it is told otherwise, is ten.
_PATIENCE_SECONDS: Final = 8.0


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures, if they may be read; 200 also while the store is away, which one of them says.

    Closed to everybody until the environment says for whom it is open.
    """
    refused = readers.refused(request)
    if refused is not None:
        return refused
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_All())
    return HttpResponse(encode(registry), content_type=content_type)


class _All(Collector):
    def collect(self) -> Iterator[Metric]:
        for figure in (_BUILD, *_store.figures()):
            family = CounterMetricFamily if figure.kind == COUNTER else GaugeMetricFamily
            metric = family(figure.name, figure.help, labels=figure.labels)
            for labels, value in figure.samples.items():
                metric.add_metric(labels, value)
            yield metric
        yield from latency.collected()


class _Store:
    """What the store has told last. One thread asks; the others wait for what it hears."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._told: list[Figure] = []
        self._until = 0.0

    def figures(self) -> list[Figure]:
        if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            return _AWAY  # a server that hangs: no more than one thread waits for it for ever
        try:
            if time.monotonic() >= self._until:
                begun = time.monotonic()
                self._told = _asked()
                took = time.monotonic() - begun
                self._until = begun + took + max(_FRESH_SECONDS, _FRESH_TIMES * took)
            return self._told
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Ask anew the next time."""
        self._until = 0.0


def _asked() -> list[Figure]:
    try:
        return [_UP._replace(samples={(): 1}), *figures(DjangoSession(DEFAULT_DB_ALIAS))]
    except Exception as error:
        refusal = as_refusal(error)
        if refusal is None:
            raise
        logging.getLogger(__name__).warning("the store told no figures: %s", one_line(refusal))
        return _AWAY


_UP: Final = one("backlog_store_up", "Whether the store told the other figures.", 0)
_AWAY: Final = [_UP]
_BUILD: Final = Figure(
    "gauge",
    "backlog_build_info",
    "Which program this is.",
    ("version", "python", "django"),
    {(backlog.__version__, platform.python_version(), django.__version__): 1},
)
_store: Final = _Store()
