"""`manage.py serve`: the app behind gunicorn, on a store that is up to date."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from backlog import json_logs
from backlog.cli.options import Said
from backlog.errors import Refusal
from backlog.records import one_line
from backlog.shown import say, say_json, visible
from fleet_backlog.networks import networks
from fleet_backlog.serving.log import opened as opened_log
from fleet_backlog.serving.prepare import check_settings, prepare
from fleet_backlog.serving.server import Server
from remote.listening import address_of, listen

_INTERRUPTED = 130


def _count(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 1000:
        variable = f"{value.name} " if isinstance(value, Said) else ""
        right = "must be a whole number between 1 and 1000"
        raise ArgumentTypeError(f"{variable}{right}, not {value!r}")
    return int(value)


class Command(BaseCommand):
    help = "Bring the schema up to date, make an operator account on the first run, and serve."
    # Checks open a connection; the schema step below says more plainly what is wrong with it.
    requires_system_checks = ()

    def create_parser(self, *args: Any, **options: Any) -> Any:
        parser: Any = super().create_parser(*args, **options)
        refuse = parser.error  # which quotes words as they are
        parser.error = lambda message: refuse(visible(one_line(message)))
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        def count(name: str, default: str, help: str) -> None:
            parser.add_argument(name, type=_count, default=default, help=f"{help} (%(default)s)")

        parser.add_argument("--bind", default="127.0.0.1:8000", help="address:port (%(default)s)")
        count("--workers", Said.by("WEB_WORKERS") or "2", "processes")
        count("--threads", Said.by("WEB_THREADS") or "8", "requests at once in each")
        count("--graceful-timeout", "30", "seconds that running requests have after SIGTERM")
        count("--sweep", Said.by("SWEEP_SECONDS") or "15", "seconds between sweeps")
        parser.add_argument(
            "--no-sweep", action="store_const", const=None, dest="sweep", help="leave it to others"
        )
        parser.add_argument("--access-log", metavar="FILE", help="a line a request; - is stdout")

    def _tell(self, text: str) -> None:
        """A line for the operator, in the form of the logs."""
        if settings.BACKLOG_LOGS == "json":
            say_json(self.stdout, [json_logs.line("backlog.serve", text) + "\n"])
        else:
            say(self.stdout, [text])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_settings()
            opened = listen(options["bind"])
            believed = os.environ.get("FORWARDED_ALLOW_IPS", "") or "127.0.0.1,::1"
            proxies = networks(believed, "FORWARDED_ALLOW_IPS")
            if options["access_log"] not in (None, "-"):
                opened_log(options["access_log"]).close()
            prepare(self._tell)
        except KeyboardInterrupt:
            raise SystemExit(_INTERRUPTED) from None
        except (OperationalError, Refusal) as error:
            raise CommandError(visible(one_line(error))) from None
        site = f"http://{address_of(opened)}{settings.FORCE_SCRIPT_NAME or ''}/"
        line = f"Serving on {site} (Ctrl-C stops it)"

        def announce(arbiter: Any) -> None:
            self._tell(line)
            self.stdout.flush()  # or each process to come would print it again

        Server(opened, proxies, announce, **options).run()
