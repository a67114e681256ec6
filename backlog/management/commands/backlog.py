"""`manage.py backlog …` in a Django project: on Django's connection, claiming by the manager.

This project's own manage.py does not come here: it starts the command without Django.
"""

import sys
from argparse import REMAINDER
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS

from backlog.cli.main import main
from backlog.cli.parser import VERBS
from backlog.connection import open_session
from backlog.models import Card
from backlog.querysets.claiming import claiming


class Command(BaseCommand):
    help = "The backlog of record for a fleet of workers: backlog --help"
    requires_system_checks = ()
    verbs: Mapping[str, str] = VERBS  # those there are

    def run_from_argv(self, argv: list[str]) -> None:
        sys.exit(self._run(argv[2:]))

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs=REMAINDER)

    def handle(self, *args: Any, **options: Any) -> None:
        status = self._run(options["words"])
        if status:
            raise CommandError("refused", returncode=status)

    def _run(self, words: list[str]) -> int:
        by_manager = claiming(Card.objects.using(DEFAULT_DB_ALIAS))
        return main(words, open_session, "manage.py backlog", by_manager, self.verbs)
