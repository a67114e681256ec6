"""`manage.py serve`: the app behind gunicorn, on a store that is up to date."""

import os
import secrets
import signal
import socket
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections, transaction
from django.db.models import Model
from django.urls import get_resolver
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from backlog import schema
from backlog.connection import DjangoSession
from backlog.errors import Refusal
from backlog.store import storage
from fleet_backlog.serving.listening import CannotListen, listen, shown
from fleet_backlog.serving.proxies import FromProxies, Network, networks
from fleet_backlog.serving.sweeper import Sweeping
from fleet_backlog.wsgi import application

OPERATOR = "operator"

_INTERRUPTED = 130
_MEMORY = Path("/dev/shm")  # noqa: S108 (gunicorn makes files of its own, unlinked, in it)
# The client as the proxy saw it, no query: what somebody searches for is nobody's business.
_ACCESS_LOG_FORMAT = '%(t)s %(h)s %({x-forwarded-for}i)s "%(m)s %(U)s" %(s)s %(B)s %(L)ss'


def _count(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 1000:
        raise ArgumentTypeError(f"must be a whole number between 1 and 1000, not {value!r}")
    return int(value)


class Command(BaseCommand):
    help = "Bring the schema up to date, make an operator account on the first run, and serve."
    # Checks open a connection; the schema step below says more plainly what is wrong with it.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        def count(name: str, default: str, help: str) -> None:
            parser.add_argument(name, type=_count, default=default, help=f"{help} (%(default)s)")

        parser.add_argument("--bind", default="127.0.0.1:8000", help="address:port (%(default)s)")
        count("--workers", os.environ.get("WEB_WORKERS") or "2", "processes")
        count("--threads", os.environ.get("WEB_THREADS") or "8", "requests at once in each")
        count("--graceful-timeout", "30", "seconds that running requests have after SIGTERM")
        count("--sweep", os.environ.get("SWEEP_SECONDS") or "15", "seconds between sweeps")
        parser.add_argument(
            "--no-sweep", action="store_const", const=None, dest="sweep", help="leave it to others"
        )
        parser.add_argument("--access-log", metavar="FILE", help="a line a request; - is stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            opened = listen(options["bind"])
            proxies = networks(os.environ.get("FORWARDED_ALLOW_IPS", "") or "127.0.0.1,::1")
            self._prepare()
        except KeyboardInterrupt:
            raise SystemExit(_INTERRUPTED) from None
        except (CannotListen, OperationalError, Refusal, storage.ConfigurationError) as error:
            raise CommandError(" ".join(str(error).split())) from None
        _Gunicorn(opened, proxies, {**options, "when_ready": self._announce(opened)}).run()

    def _announce(self, opened: socket.socket) -> Callable[[Any], None]:
        line = f"Serving on http://{shown(opened)}/ (Ctrl-C stops it)"

        def announce(arbiter: Any) -> None:
            self.stdout.write(line)
            self.stdout.flush()  # or each process to come would print it again

        return announce

    def _prepare(self) -> None:
        schema.is_current(DjangoSession("default"))
        schema.migrate()
        self._make_operator()
        self._keep_secret_key()
        connections.close_all()  # none may be shared with the processes to come

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


class _Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    def run(self) -> None:
        # What came before this process had handlers of its own went to a copy of its parent's
        # queue, and the parent would wait for the end of its patience.
        while not self.missed.empty():
            sig = self.missed.get()
            if sig == signal.SIGTERM:
                self.handle_exit(sig, None)
            elif sig in (signal.SIGINT, signal.SIGQUIT):
                self.handle_quit(sig, None)
        super().run()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Ctrl-C is now: the end of the interpreter would wait for every running request."""
        os._exit(0)


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    def manage_workers(self) -> None:
        super().manage_workers()
        self.app.sweeping.keep()

    def stop(self, graceful: bool = True) -> None:
        self.app.sweeping.stop()
        super().stop(graceful)


def _after_fork(arbiter: Any, worker: Any) -> None:
    worker.missed = arbiter.SIG_QUEUE
    arbiter.app.sweeping.let_go()


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(
        self, opened: socket.socket, proxies: list[Network], options: dict[str, Any]
    ) -> None:
        self._proxies = proxies
        self.sweeping = Sweeping(options["sweep"])
        self._settings = {
            "bind": f"fd://{opened.detach()}",
            "workers": options["workers"],
            "threads": options["threads"],
            "worker_class": _Worker,
            "preload_app": True,
            "control_socket_disable": True,
            "when_ready": options["when_ready"],
            "post_fork": _after_fork,
            "loglevel": "warning",
            "graceful_timeout": options["graceful_timeout"],
            # Longer than a proxy keeps a connection: it never sends into one that just closed.
            "keepalive": 75,
            # What a request leaks ends with its process; the processes end one after the other.
            "max_requests": 10_000,
            "max_requests_jitter": 2_000,
            # On a disk, the beat of a worker can wait for others' writes.
            "worker_tmp_dir": str(_MEMORY) if os.access(_MEMORY, os.W_OK | os.X_OK) else None,
            "accesslog": options["access_log"],
            "access_log_format": _ACCESS_LOG_FORMAT,
        }
        super().__init__()

    def run(self) -> None:
        _Arbiter(self).run()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        get_resolver().url_patterns  # noqa: B018 (imports every view now, once for all processes)
        return FromProxies(application, self._proxies)
