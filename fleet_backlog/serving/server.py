"""gunicorn, as `manage.py serve` runs it, on a socket that is open before anything else is done."""

import gc
import os
import signal
import socket
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import get_template
from django.urls import get_resolver
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from fleet_backlog.networks import Network
from fleet_backlog.serving import latency, log, readers
from fleet_backlog.serving.arrival import PatientWorker
from fleet_backlog.serving.proxies import FromProxies
from fleet_backlog.serving.sweeper import Sweeping
from fleet_backlog.wsgi import application
from remote.api.waiting import ROOM

_MEMORY = Path("/dev/shm")  # noqa: S108 (gunicorn makes files of its own, unlinked, in it)


class _Worker(PatientWorker):
    def run(self) -> None:
        ROOM.most = self.cfg.threads // 2  # the other half answers whoever does not wait
        # What came before this process had handlers of its own went to a copy of its parent's
        # queue, and the parent would wait for the end of its patience.
        while not self.missed.empty():
            sig = self.missed.get()
            if sig == signal.SIGTERM:
                self.handle_exit(sig, None)
            elif sig in (signal.SIGINT, signal.SIGQUIT):
                self.handle_quit(sig, None)
        super().run()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """The server ends: a claim that waits for a card is answered at once that there is none."""
        ROOM.ended.set()
        super().handle_exit(sig, frame)

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
    latency.be(worker)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn on the socket `opened`, with the sweeper beside it.

    `announce` is called, with the arbiter, once requests are answered; `options` are the command's.
    """

    def __init__(
        self, opened: socket.socket, proxies: list[Network], announce: Any, **options: Any
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
            "when_ready": announce,
            "pre_fork": latency.take_slot,
            "post_fork": _after_fork,
            "loglevel": "warning",
            "graceful_timeout": options["graceful_timeout"],
            # Longer than a proxy keeps a connection: it never sends into one that just closed.
            "keepalive": 75,
            # As long as gunicorn can, and nginx does: see `LONGEST_ADDRESS`.
            "limit_request_line": 8190,
            # What a request leaks ends with its process; the processes end one after the other.
            "max_requests": 10_000,
            "max_requests_jitter": 2_000,
            # On a disk, the beat of a worker can wait for others' writes.
            "worker_tmp_dir": str(_MEMORY) if os.access(_MEMORY, os.W_OK | os.X_OK) else None,
            "accesslog": options["access_log"],
            "access_log_format": log.FORMAT,
            "logger_class": log.AccessLog,
            # Where the site hangs is for the operator to say (SCRIPT_NAME in the environment).
            "forwarder_headers": "",
        }
        super().__init__()

    def run(self) -> None:
        if not readers.there_are():
            _Arbiter(self).run()
            return
        with latency.shared(_MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None):
            _Arbiter(self).run()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        # Once for all processes; and an upgrade under a running server mixes nothing new with it.
        get_resolver().url_patterns  # noqa: B018 (imports every view)
        templates = settings.BASE_DIR / "templates"
        for page in templates.rglob("*.html"):
            get_template(str(page.relative_to(templates)))
        gc.freeze()  # else a collection copies every page of memory that the processes share
        return FromProxies(application, self._proxies)
