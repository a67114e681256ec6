"""Lines of Python's `logging`, which nobody else's words can forge."""

import logging
from copy import copy

from backlog.shown import line


class Formatter(logging.Formatter):
    """A record as one line; what follows in it, a traceback say, is indented.

    What Django refuses to a client is no defect of the site: the line alone.
    """

    def format(self, record: logging.LogRecord) -> str:
        if 400 <= getattr(record, "status_code", 500) < 500:
            record = copy(record)
            record.exc_info = record.exc_text = None
        return line(super().format(record))


def guard() -> None:
    """For a process that sets up no logging of its own: warnings go to stderr by this."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Formatter())
    # What it ignores of a connection that breaks, the error says that broke it; and a line of its
    # own would stand among those of JSON that `work` writes.
    logging.getLogger("psycopg").setLevel(logging.ERROR)


def to_stderr() -> None:
    """As `guard`, where a library would else set up logging in a way of its own."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
