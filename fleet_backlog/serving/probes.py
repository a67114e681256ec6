"""What a load balancer or a supervisor asks."""

import logging
from threading import Lock, Thread
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from backlog import schema
from backlog.connection import DjangoSession
from backlog.records import one_line
from backlog.session import as_refusal

# What a probe waits for an answer, and what the server may take for a statement of it.
PATIENCE_SECONDS: Final = 3.0
_STATEMENT_MILLISECONDS: Final = "2000"
_BOUNDED: Final = """
SELECT set_config('statement_timeout', %s, true), current_setting('transaction_read_only')"""


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers; asks nobody else."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 if the store is reachable and its schema is this code's, else 503 and the reason."""
    reason = _not_ready()
    body = {"ready": reason is None, **({"reason": reason} if reason else {})}
    return JsonResponse(
        body, status=503 if reason else 200, json_dumps_params={"separators": (",", ":")}
    )


class _Probe(Thread):
    """One question to the store, on a connection of its own.

    A server that hangs answers no timeout of its own; so whoever asked does not wait for the end
    of this thread, and the process not either.
    """

    def __init__(self) -> None:
        super().__init__(name="readyz", daemon=True)
        self.reason: str | None = f"no answer from the store within {PATIENCE_SECONDS:g} s"

    def run(self) -> None:
        try:
            self.reason = _reason()
        finally:
            connections["default"].close()


_guard = Lock()
_probes: list[_Probe] = []


def _not_ready() -> str | None:
    """Why not, or None. Probes at one time share one: no more than one hangs."""
    with _guard:
        if not _probes or not _probes[-1].is_alive():
            _probes[:] = [_Probe()]
            _probes[-1].start()
        probe = _probes[-1]
    probe.join(PATIENCE_SECONDS)
    return probe.reason


def _reason() -> str | None:
    try:
        with transaction.atomic():
            session = DjangoSession("default")
            _, read_only = session.execute(_BOUNDED, (_STATEMENT_MILLISECONDS,)).fetchone()
            current = schema.is_current(session)
    except Exception as error:
        refusal = as_refusal(error)
        if refusal is None:
            logging.getLogger(__name__).exception("readyz")
        return one_line(refusal or "the look at the store failed; the log says why")
    if not current:
        return "the store's schema is older than the code: restart serve"
    return "the store is read-only: a standby, or made so" if read_only == "on" else None
