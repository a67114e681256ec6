"""The queues that are measured: install(url), load(url, jobs), client(url, batch) in a module each.

`client` is a context manager that gives a function: take up to so many jobs, finish them, in that
queue's own code; how many they were. Of an asynchronous queue both are asynchronous; one of Node's
has work(…) instead, see `node.py`; `over_http` and `prefect` find a server in their environment,
which `benchmarks.wire` starts. They run in processes of their own (`python -m
benchmarks.peers`), because each needs its own settings of Django, or none; `load` makes them, once
for all clients.
"""

from typing import Final


def _batches(number: int) -> dict[str, str]:
    return {
        "resident": f"`complete_many_and_claim` of {number}",
        "ours": f"`claim` of {number}, `complete_many`",
        "ours_django": "the same, through Django",
        "pgqueuer": f"pgqueuer in batches of {number}",
        "pg_boss": f"pg-boss in batches of {number}",
        "graphile_worker": f"graphile-worker in batches of {number}",
    }


# Of how many jobs at once: which modules, and what the tables call them. The first of each is what
# the others are compared with. Ten is pgqueuer's default; the others' is one.
GROUPS: Final = {
    1: {
        "resident": "`complete_and_claim`",
        "resident_django": "the same, through Django",
        "ours": "`claim`, `complete`",
        "ours_django": "the same, through Django",
        "procrastinate": "procrastinate",
        "graphile_worker": "graphile-worker",
        "pgqueuer": "pgqueuer, one by one",
        "pg_boss": "pg-boss, one by one",
        "django_tasks": "django-tasks-db",
    },
    10: _batches(10),
    50: _batches(50),
}
