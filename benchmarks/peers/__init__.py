"""The queues that are measured, one module each: install(url), load(url, jobs), client(url).

`client` is a context manager that gives a function: take one job, finish it, in that queue's own
code; of an asynchronous queue both are asynchronous. They run in processes of their own
(`python -m benchmarks.peers`), because each needs its own settings of Django, or none.
"""

QUEUES = {
    "ours": "verbs, psycopg",
    "ours_django": "verbs, Django",
    "procrastinate": "procrastinate",
    "pgqueuer": "pgqueuer",
    "django_tasks": "django-tasks-db",
}
