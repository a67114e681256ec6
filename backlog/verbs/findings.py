"""What the doctor finds: one thing that is wrong, and the command that lets it go on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: with the card `id`, or with what `scope` and `name` say.

    `because` is the card (or the missing id) at the root of it, `reason` what is the matter with
    that; `count` is how often (a block), or how many cards (a pause, a limit); `holds_up` how many
    stuck cards have their root here. `way_out` is a command for the shell.
    """

    kind: str
    message: str
    way_out: str
    id: str | None = None
    scope: str | None = None
    name: str | None = None
    because: str | None = None
    reason: str | None = None
    note: str | None = None
    count: int | None = None
    holds_up: int | None = None
