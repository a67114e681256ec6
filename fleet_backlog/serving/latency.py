"""How long requests and verbs take, by prometheus_client: the sums of all processes of a server.

A process keeps its sums in files of its slot, which whoever comes in its place goes on with: there
are no more files than processes at a time, however often they are replaced.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Histogram, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

from backlog.session import as_refusal
from fleet_backlog.serving import readers
from remote import calls

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_REGISTRY: Final = CollectorRegistry()

REQUESTS: Final = Histogram(
    "backlog_http_request_seconds",
    "Until the answer of a request began, by its view; - is what no view answered.",
    ("view", "status"),
    registry=_REGISTRY,
    buckets=_BUCKETS,
)
VERBS: Final = Histogram(
    "backlog_verb_seconds",
    "What a verb took that was called over the wire, by what came of it: ok, or its error's code.",
    ("verb", "outcome"),
    registry=_REGISTRY,
    buckets=_BUCKETS,
)

# The slot of this process; the directory of all of them, if they are shared.
_here: Final = {"slot": "server", "directory": ""}


@contextmanager
def shared(where: Path | None) -> Iterator[None]:
    """Keep the sums in files, and those of the processes to come, until this process is done.

    In a directory of their own in `where`, which may be in memory. Before anything is measured.
    """
    owner, directory = os.getpid(), mkdtemp(prefix="fleet-backlog-", dir=where)
    _here["directory"] = os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    values.ValueClass = values.MultiProcessValue(lambda: _here["slot"])  # type: ignore[no-untyped-call]  # (it has few types)
    try:
        yield
    finally:
        if os.getpid() == owner:  # a process that was forked here leaves by here
            shutil.rmtree(directory, ignore_errors=True)


def take_slot(arbiter: Any, worker: Any) -> None:
    """For a process that is about to be forked: the first slot that no other has."""
    taken = {each.slot for each in arbiter.WORKERS.values()}
    worker.slot = next(str(slot) for slot in count() if str(slot) not in taken)


def be(worker: Any) -> None:
    """This is the process of that worker now."""
    _here["slot"] = worker.slot


def collected() -> Iterable[Metric]:
    """What all processes have measured."""
    registry: Any = _REGISTRY
    if _here["directory"]:
        registry = MultiProcessCollector(None, _here["directory"])  # type: ignore[no-untyped-call]
    found: Iterable[Metric] = registry.collect()
    return found


@contextmanager
def timed(verb: str) -> Iterator[None]:
    """Measure what is done within, which is this verb."""
    begun, outcome = time.perf_counter(), "ok"
    try:
        yield
    except BaseException as error:
        refusal = as_refusal(error)
        outcome = refusal.code if refusal else "error"
        raise
    finally:
        VERBS.labels(verb, outcome).observe(time.perf_counter() - begun)


class LatencyMiddleware:
    """Measures every request, and the verbs that are called over the wire, where somebody may read
    the figures."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not readers.there_are():
            raise MiddlewareNotUsed
        calls.within = timed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = time.perf_counter()
        response = self.get_response(request)
        view = request.resolver_match.view_name if request.resolver_match else "-"
        REQUESTS.labels(view, str(response.status_code)).observe(time.perf_counter() - begun)
        return response
