"""What a load balancer or a supervisor asks."""

from django.contrib.auth.decorators import login_not_required
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from backlog import schema
from backlog.querysets import DjangoSession
from backlog.session import as_refusal


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
    return JsonResponse(body, status=503 if reason else 200)


def _not_ready() -> str | None:
    try:
        if schema.is_current(DjangoSession("default")):
            return None
    except Exception as error:
        connections["default"].close()  # the next look begins anew
        refusal = as_refusal(error)
        if refusal is None:
            raise
        return " ".join(str(refusal).split())
    return "the schema is older than the code: run manage.py backlog stats, or restart serve"
