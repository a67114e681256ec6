"""`keep-output`: a worker elsewhere sends what its command printed. Only calls have this verb."""

import binascii
from base64 import b64decode

from backlog import values
from backlog.cli.options import CLAIMED_ID, WORKER, Options, flag, number, text, verb
from backlog.cli.reply import Reply, document
from backlog.errors import UsageError
from backlog.session import Session


def _bytes(value: str, name: str) -> bytes:
    try:
        return b64decode(value, validate=True)
    except (binascii.Error, ValueError):  # ValueError: it is not ASCII
        raise UsageError(f"{name} must be bytes in base64") from None


@verb(
    "keep-output",
    "keep what the command of a run printed, for `output`",
    CLAIMED_ID,
    WORKER,
    number("--attempt", 1, "of this attempt", required=True),
    text("--tail", _bytes, "the end of it: bytes in base64", required=True),
    number("--before", 0, "how many bytes came before it", high=values.BIGINT_MAX, default=0),
    flag("--ended", "nothing comes after it"),
)
def keep_output(session: Session, options: Options) -> Reply:
    from backlog.verbs.output import Printed, keep

    printed = Printed(options.tail, options.before, options.ended)
    kept = keep(session, options.card_id, options.attempt, options.owner, printed)
    return document(kept, ["kept" if kept else "there is no such run"])
