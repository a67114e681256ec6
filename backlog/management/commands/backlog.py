"""`manage.py backlog …` in a Django project: the command on Django's connection.

This project's own manage.py does not come here: it starts the command without Django.
"""

import sys
from argparse import REMAINDER
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from backlog.cli.main import main
from backlog.connection import DjangoSession


@contextmanager
def _session() -> Iterator[DjangoSession]:
    try:
        yield DjangoSession(DEFAULT_DB_ALIAS)
    finally:
        # Nobody else does, without a request: `work` opens another after one that broke.
        connections[DEFAULT_DB_ALIAS].close_if_unusable_or_obsolete()


class Command(BaseCommand):
    help = "The backlog of record for a fleet of workers: backlog --help"
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        sys.exit(main(argv[2:], _session, "manage.py backlog"))

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs=REMAINDER)

    def handle(self, *args: Any, **options: Any) -> None:
        status = main(options["words"], _session, "manage.py backlog")
        if status:
            raise CommandError("refused", returncode=status)
