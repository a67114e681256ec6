"""How long the deep tests go on: as long as a change can wait, or as long as it takes."""

import os

# `bounded`, or `full` for `make chaos`: also the profile of Hypothesis (tests/conftest.py).
BUDGET = os.environ.get("BACKLOG_TEST_BUDGET", "bounded")


def seconds(*, bounded: float, full: float) -> float:
    """What this run can spend on one test."""
    return {"bounded": bounded, "full": full}[BUDGET]
