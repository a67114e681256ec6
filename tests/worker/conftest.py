"""A worker as a command that comes to its end."""

import pytest


@pytest.fixture
def work(command):
    """Runs a worker whose command is this shell script: `work("exit 1", "--once")`."""

    def run(script, *options, **more):
        return command("work", "--owner", "w", *options, "--", "sh", "-c", script, **more)

    return run
