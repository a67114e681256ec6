"""`doctor`, with what the fleet's rules find."""

from backlog.cli.doctor import doctor
from fleet.verbs import unserved

__all__ = ["doctor", "unserved"]
