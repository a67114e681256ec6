"""`complete`, `block`, `cancel`, `unblock`, `reopen`, `release`, `renew`, `reclaim`."""

from typing import Any, Final

from backlog import values
from backlog.cli.options import (
    CLAIMED_ID,
    ID,
    OPTIONAL_ID,
    NamedOwner,
    Options,
    flag,
    number,
    one_of,
    or_ids,
    text,
    verb,
)
from backlog.cli.reply import Reply, document, one_card
from backlog.errors import UsageError
from backlog.lifecycle import DEFAULT_BLOCK_REASON, DEFAULT_TTL_SECONDS, GIVEN_REASONS
from backlog.records import to_json, to_line
from backlog.session import Session
from backlog.shown import named
from backlog.verbs import moves
from backlog.verbs.pool import pool_of
from backlog.verbs.runs import Report

_OWNER: Final = text(
    "--owner", NamedOwner, "only if this worker holds the claim", env="BACKLOG_OWNER"
)
_CLAIM: Final = (CLAIMED_ID, _OWNER, number("--attempt", 1, "only if the claim is this attempt"))
_CLAIMS: Final = (*or_ids(CLAIMED_ID), *_CLAIM[1:])
_REPORT: Final = (
    text("--summary", values.text, "what came of the attempt"),
    ("--result", {"type": lambda value: values.document(value, "--result"), "help": "JSON"}),
    number("--tokens", 0, "how many it took", high=values.BIGINT_MAX),
    text("--cost", values.text, "what it cost, such as 0.25"),
)


def _claimed(options: Options) -> tuple[str, str | None, int | None]:
    return options.card_id, options.owner, options.attempt


def report_of(options: Options) -> Report:
    return Report(options.summary, options.result, options.tokens, options.cost)


def _about_the_next(options: Options) -> None:
    if options.claim_next:
        if options.ids is not None:
            raise UsageError("--claim-next completes one card: --id")
        if options.owner is None:
            raise UsageError("--claim-next needs the --owner who claims")
    elif (options.ttl, options.phase, options.role) != (None, None, None):
        raise UsageError("--ttl, --phase and --role are about the next card: --claim-next")


@verb(
    "complete",
    "a card is done",
    *_CLAIMS,
    *_REPORT,
    flag("--claim-next", "and the owner claims the next one, if there is one"),
    number("--ttl", 1, "seconds the lease of the next one lasts (900)"),
    text("--phase", values.line, "the next one is of this phase"),
    text("--role", values.line, "the next one is for this role"),
    check=_about_the_next,
)
def complete(session: Session, options: Options) -> Reply:
    if options.claim_next:
        return _complete_and_claim(session, options)
    report = report_of(options)
    return one_card(moves.complete(session, *_claimed(options), report=report, texts=options.json))


def _complete_and_claim(session: Session, options: Options) -> Reply:
    done, taken = options.claiming.complete_and_claim(
        session,
        *_claimed(options),
        ttl=options.ttl or DEFAULT_TTL_SECONDS,
        pool=pool_of(session, options.phase, options.role, *options.of_actor),
        report=report_of(options),
    )
    following = taken.card
    return Reply(
        [f'{{"completed":{to_json(done)},"claimed":{to_json(following)}}}\n'],
        [to_line(done), to_line(following) if following else "(none)"],
    )


@verb(
    "block",
    "take a card out of the pool",
    *_CLAIMS,
    one_of(
        "--reason",
        GIVEN_REASONS,
        f"{', '.join(GIVEN_REASONS)} (%(default)s)",
        values.block_reason,
        default=DEFAULT_BLOCK_REASON,
    ),
    text("--note", values.optional, "what would let it go on"),
    *_REPORT,
)
def block(session: Session, options: Options) -> Reply:
    why, report = {"reason": options.reason, "note": options.note}, report_of(options)
    card = moves.block(session, *_claimed(options), **why, report=report, texts=options.json)
    return one_card(card)


@verb(
    "cancel",
    "take a card from its worker and out of the pool",
    *or_ids(ID),
    text("--reason", values.line, "why"),
)
def cancel(session: Session, options: Options) -> Reply:
    return one_card(moves.cancel(session, options.card_id, reason=options.reason))


@verb(
    "unblock",
    "a blocked card is ready again",
    *or_ids(ID),
    text("--note", values.optional, "the answer, for its next attempts"),
)
def unblock(session: Session, options: Options) -> Reply:
    return one_card(moves.unblock(session, options.card_id, note=options.note))


@verb("reopen", "a done card is ready again", *or_ids(ID))
def reopen(session: Session, options: Options) -> Reply:
    return one_card(moves.reopen(session, options.card_id))


@verb(
    "release",
    "give a claimed card back",
    *_CLAIMS,
    *_REPORT,
    number("--delay", 0, "seconds before it may be claimed again"),
    flag("--failed", "the attempt failed"),
    flag("--uncounted", "the attempt does not count towards the cap"),
)
def release(session: Session, options: Options) -> Reply:
    how: dict[str, Any] = {"delay": options.delay, "report": release_report(options)}
    return one_card(moves.release(session, *_claimed(options), **how, texts=options.json))


def release_report(options: Options) -> Report:
    how = "failed" if options.failed else None
    return report_of(options)._replace(outcome=how, counted=not options.uncounted)


@verb(
    "renew", "extend a lease from now", *_CLAIMS, number("--ttl", 1, "seconds from now (as before)")
)
def renew(session: Session, options: Options) -> Reply:
    return one_card(moves.renew(session, *_claimed(options), options.ttl, texts=options.json))


@verb("reclaim", "return expired claims, or one claim, to ready", OPTIONAL_ID)
def reclaim(session: Session, options: Options) -> Reply:
    if options.card_id is None:
        reclaimed = moves.reclaim(session)
    else:
        reclaimed = moves.reclaim_card(session, options.card_id)
    text = f"reclaimed: {named(reclaimed)}" if reclaimed else "(nothing to reclaim)"
    return document({"reclaimed": reclaimed}, [text])
