"""The fleet's rules beside the backlog: who is who, and what each may do.

Whoever uses them needs their tables, too.
"""

from backlog.watched import APPS

APPS.add("fleet")
