"""`manage.py backlog …` in a Django project: on Django's connection, claiming by the manager.

This project's own manage.py does not come here: it starts the command without Django.
"""

import sys
from argparse import REMAINDER
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS

from backlog.cli.main import main
from backlog.connection import open_session
from backlog.models import Card
from backlog.records import Record
from backlog.session import Session
from backlog.verbs.claims import Taken
from backlog.verbs.pool import Pool


def _claim(
    session: Session, owner: str, ttl: int, pool: Pool, count: int = 1, **how: Any
) -> Taken[Record]:
    """The manager's, on the connection that `session` is of."""
    how |= {"phase": pool.phase, "role": pool.role, "count": count}
    return Card.objects.using(DEFAULT_DB_ALIAS).claim(owner, ttl, as_records=True, **how)


def _run(words: list[str]) -> int:
    return main(words, open_session, "manage.py backlog", _claim)


class Command(BaseCommand):
    help = "The backlog of record for a fleet of workers: backlog --help"
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        sys.exit(_run(argv[2:]))

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs=REMAINDER)

    def handle(self, *args: Any, **options: Any) -> None:
        status = _run(options["words"])
        if status:
            raise CommandError("refused", returncode=status)
