"""The command with the verbs of webhooks beside the others."""

from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from fleet import command
from hooks import join

# As `parser.VERBS`.
VERBS: Final = {
    **command.VERBS,
    "webhook": "hooks.cli.webhooks.webhook",
    "notify": "hooks.cli.webhooks.notify",
}


def run(
    argv: Sequence[str] | None = None, prog: str = "backlog", verbs: Mapping[str, str] = VERBS
) -> NoReturn:
    """Run the process's own words, or `argv`, and exit; `verbs` as in `main.main`."""
    join()
    command.run(argv, prog, verbs)
