"""`claim`."""

from typing import Final

from backlog.cli.options import OPTIONAL_ID, POOL, WORKER, Options, flag, number, verb
from backlog.cli.reply import Reply, many, one_card
from backlog.errors import UsageError
from backlog.lifecycle import AT_LIMIT, BUDGET, DEFAULT_TTL_SECONDS, EMPTY, PAUSED
from backlog.records import to_line
from backlog.session import Session
from backlog.verbs.claims import MOST_AT_ONCE
from backlog.verbs.pool import pool_of

# The exit status of a claim that took nothing, if it is asked for.
NOTHING_TAKEN: Final = {EMPTY: 3, PAUSED: 6, AT_LIMIT: 7, BUDGET: 8}


def _one_way(options: Options) -> None:
    narrowed = (options.phase, options.role, options.count, options.wait)
    if options.card_id and narrowed != (None, None, None, None):
        raise UsageError("--id names the card: leave out --phase, --role, --count and --wait")


@verb(
    "claim",
    "take the next claimable card, or null",
    WORKER,
    number("--ttl", 1, "seconds the lease lasts (900)", default=DEFAULT_TTL_SECONDS),
    OPTIONAL_ID,
    *POOL,
    number("--count", 1, "up to so many, as an array", high=MOST_AT_ONCE),
    number("--wait", 0, "seconds to wait for something to claim"),
    flag("--exit-code", "exit with 3 when there is nothing to claim, 6 paused, 7 limit, 8 budget"),
    check=_one_way,
)
def claim(session: Session, options: Options) -> Reply:
    taken = options.claiming.claim(
        session,
        options.owner,
        options.ttl,
        pool_of(session, options.phase, options.role, *options.of_actor),
        options.count or 1,
        card_id=options.card_id,
        wait=options.wait or 0,
    )
    status = NOTHING_TAKEN[taken.why] if taken.why and options.exit_code else 0
    if options.count is None:
        return one_card(taken.card, status)
    return many(taken.cards, to_line, "(none)", status)
