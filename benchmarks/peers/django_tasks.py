"""django-tasks-db, as its worker's loop goes: lock the first ready task, claim it, finish it."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from benchmarks import data
from benchmarks.server import connect

_TABLE = "django_tasks_database_dbtaskresult"


def install(url: str) -> None:
    _configure(url)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def load(url: str, jobs: int) -> None:
    _configure(url)
    statement = f"""
        INSERT INTO {_TABLE} (id, status, enqueued_at, args_kwargs, priority, task_path,
            worker_ids, queue_name, backend_name, run_after, return_value,
            exception_class_path, traceback)
        SELECT gen_random_uuid(), 'READY', now() - (%(n)s - i) * interval '1 ms',
            '{{"args": [], "kwargs": {{}}}}', i * 7919 %% 10, 'tasks.nothing', '[]',
            'default', 'default', '9999-01-01Z', 'null', '', ''
        FROM generate_series(1, %(n)s) AS i"""  # noqa: S608 (the table's name is ours)
    with connect(url) as connection:
        data.replace(connection, _TABLE, jobs, statement)


@contextmanager
def client(url: str, batch: int) -> Iterator[Callable[[], int]]:
    assert batch == 1, "it has no batches"
    from django_tasks_db.models import DBTaskResult
    from django_tasks_db.utils import exclusive_transaction

    worker = uuid.uuid4().hex

    def cycle() -> int:
        tasks = DBTaskResult.objects.ready().filter(
            backend_name="default", queue_name__in=["default"]
        )
        with exclusive_transaction(tasks.db):
            task = tasks.get_locked()
            assert task
            task.claim(worker)
        task.set_successful(None)
        return 1

    yield cycle


def _configure(url: str) -> None:
    parameters = conninfo_to_dict(url)
    settings.configure(
        INSTALLED_APPS=["django_tasks_db"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parameters.pop("dbname"),
                "CONN_MAX_AGE": None,
                # Django's own defaults prepare nothing; this is its fastest.
                "OPTIONS": {**parameters, "server_side_binding": True, "prepare_threshold": 5},
            }
        },
        TASKS={"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}},
        USE_TZ=True,
    )
    django.setup()
