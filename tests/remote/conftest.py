"""Calls over HTTP, in this process."""

import json
from typing import Any

import pytest
from django.test import Client

from remote.api.failures import FAILURES
from remote.verbs import tokens


class Api:
    """Calls a verb by a token: `api("claim", {"ttl": 60}, wait=1)`; `api.get("show", id="A")`."""

    def __init__(self, shown: str) -> None:
        self._client = Client(headers={"Authorization": f"Bearer {shown}"})

    def __call__(self, verb: str, given: Any = None, headers: Any = None, **query: Any) -> Any:
        path = f"/api/v1/{verb}"
        body = json.dumps({} if given is None else given)
        how = {"content_type": "application/json", "headers": headers, "query_params": query}
        return self._client.post(path, body, **how)

    def get(self, verb: str, headers: Any = None, **query: Any) -> Any:
        return self._client.get(f"/api/v1/{verb}", query, headers=headers)


@pytest.fixture
def caller(session, transactional_db) -> Any:
    """Makes an `Api` for a worker: `caller("w", "read", phases=["M1"])`."""
    FAILURES.__init__()  # type: ignore[misc]  # as it was at the start
    return lambda worker="w", *scope, **more: Api(tokens.create(session, worker, *scope, **more)[1])


@pytest.fixture
def api(caller) -> Api:
    """Calls of w, by a token of scope work."""
    return caller()
