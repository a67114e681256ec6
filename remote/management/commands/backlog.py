"""`manage.py backlog …` in a Django project that is called over the wire."""

from fleet.management.commands import backlog
from remote.command import VERBS


class Command(backlog.Command):
    verbs = VERBS
