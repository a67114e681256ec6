"""Lines of Python's `logging`, which nobody else's words can forge."""

import logging

from backlog.shown import line


class Formatter(logging.Formatter):
    """A record as one line; what follows in it, a traceback say, is indented."""

    def format(self, record: logging.LogRecord) -> str:
        return line(super().format(record))


def guard() -> None:
    """For a process that sets up no logging of its own: warnings go to stderr by this."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Formatter())
