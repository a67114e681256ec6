"""`manage.py serve`: the app behind gunicorn, on a store that is up to date."""

import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections, transaction
from django.db.models import Model
from gunicorn.app.base import BaseApplication

from backlog import schema
from backlog.errors import Refusal
from backlog.querysets import DjangoSession
from fleet_backlog import storage
from fleet_backlog.wsgi import application

OPERATOR = "operator"


class Command(BaseCommand):
    help = "Bring the schema up to date, make an operator account on the first run, and serve."
    # Checks open a connection; the schema step below says more plainly what is wrong with it.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000", help="address:port (%(default)s)")
        parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
        parser.add_argument("--threads", type=int, default=8, help="per process (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            schema.is_current(DjangoSession("default"))
            schema.migrate()
        except (OperationalError, Refusal) as error:
            raise CommandError(" ".join(str(error).split())) from None
        self._make_operator()
        self._keep_secret_key()
        connections.close_all()  # none may be shared with the processes to come
        self.stdout.write(f"Serving on http://{options['bind']}/ (Ctrl-C stops it)")
        self.stdout.flush()  # or each process to come would print it again
        _Gunicorn(options["bind"], options["workers"], options["threads"]).run()

    def _make_operator(self) -> None:
        password = secrets.token_urlsafe(12)
        if make_operator(password):
            self.stdout.write(
                f"Made the account {OPERATOR} with the password {password}\n"
                "It is not shown again; manage.py changepassword operator sets another."
            )

    def _keep_secret_key(self) -> None:
        """Without SECRET_KEY: one that lasts, beside the embedded store's data."""
        if os.environ.get("SECRET_KEY"):
            return
        store = storage.from_environment()
        if isinstance(store, storage.Embedded):
            settings.SECRET_KEY = kept_secret(store.root / "secret-key")
        else:
            self.stdout.write("SECRET_KEY is not set: sessions will end with this process.")


def make_operator(password: str) -> Model | None:
    """The first account, a superuser; None if there is any account already."""
    users = get_user_model()
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute(f"LOCK TABLE {users._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
        if users.objects.exists():
            return None
        return users.objects.create_superuser(OPERATOR, password=password)


def kept_secret(path: Path) -> str:
    """The secret in this file, which is made, for its owner only, if there is none."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 (its mode from the first moment on)
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, bind: str, workers: int, threads: int) -> None:
        self._settings = {
            "bind": bind,
            "workers": workers,
            "threads": threads,
            "worker_class": "gthread",
            "preload_app": True,
            "control_socket_disable": True,
            "loglevel": "warning",
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        return application
