"""`manage.py backlog …` in a Django project that has the fleet's rules."""

from backlog.management.commands import backlog
from fleet.command import VERBS


class Command(backlog.Command):
    verbs = VERBS
