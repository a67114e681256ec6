"""Requests through the whole of Django, in a process of its own: `python -m benchmarks.pages N`."""

import gzip
import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import django

django.setup()

from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backlog.models import Card
from backlog.web.views.cell import add_html, cell_html, heading_html


def main(rounds: int) -> None:
    client, admin = _client("operator"), _client(None)
    version = client.get("/live/", headers={"host": "localhost"}).json()["version"]

    def get(address: str, who: Client = client) -> Callable[[], Any]:
        return lambda: who.get(address, headers={"host": "localhost"})

    def after_a_claim() -> Any:
        Card.objects.claim("bench")

    def after_a_start() -> Any:
        after_a_claim()
        for made in (cell_html, heading_html, add_html):
            made.cache_clear()

    requests: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "board, nothing cached": (get("/"), after_a_start),
        "board after a claim": (get("/"), after_a_claim),
        "board again": (get("/"), lambda: None),
        "poll after a claim": (get(f"/live/?v={version}"), after_a_claim),
        "list": (get("/cards/"), lambda: None),
        "list, filtered by a text": (get("/cards/?q=number 77"), lambda: None),
        "search, a rare word": (get("/search/?q=number 4242"), lambda: None),
        "search, a word of all cards": (get("/search/?q=card"), lambda: None),
        "card": (get("/card/c0000900/"), lambda: None),
        "fleet": (get("/fleet/"), lambda: None),
        "fleet, 30 days": (get("/fleet/?span=30d"), lambda: None),
        "phase": (get("/phase/P3/"), lambda: None),
        "worker": (get("/worker/worker-3/"), lambda: None),
        "admin list": (get("/admin/backlog/card/", admin), lambda: None),
    }
    found = {name: _measured(ask, before, rounds) for name, (ask, before) in requests.items()}
    version = client.get("/live/", headers={"host": "localhost"}).json()["version"]
    unchanged = get(f"/live/?v={version}")
    assert unchanged().status_code == 204
    found["poll, nothing changed"] = _measured(unchanged, lambda: None, rounds * 5)
    print(json.dumps(found))


def _client(group: str | None) -> Client:
    user = User.objects.create_superuser(f"bench-{group}")
    if group:
        user.is_superuser = user.is_staff = False
        user.save()
        user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def _measured(ask: Callable[[], Any], before: Callable[[], Any], rounds: int) -> dict[str, float]:
    before()
    with CaptureQueriesContext(connection) as queries:
        answer = ask()
    number = len(queries)  # the next request forgets them
    assert answer.status_code in (200, 204), answer.status_code
    walls, cpus = [], []
    for _ in range(rounds):
        before()
        wall, cpu = time.perf_counter(), time.process_time()
        ask()
        cpus.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
    return {
        "queries": number,
        "cpu": median(cpus) * 1000,
        "wall": median(walls) * 1000,
        "bytes": len(answer.content),
        "gzipped": len(gzip.compress(answer.content, 6)) if answer.content else 0,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))
