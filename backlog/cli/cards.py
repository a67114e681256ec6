"""`create`, `list`, `show`, `edit`, `delete`, `link`, `unlink`."""

from argparse import SUPPRESS
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, Final

from backlog import settable, values
from backlog.cli.options import (
    CLAIMED_ID,
    ID,
    Named,
    Option,
    Options,
    flag,
    number,
    one_of,
    or_ids,
    text,
    verb,
)
from backlog.cli.reply import Reply, each, one, one_card, to_deleted
from backlog.errors import UsageError
from backlog.lifecycle import DUPLICATE, MOST_COUNTED, STATUSES
from backlog.records import WIRE_NAMES, iso, to_json, to_line
from backlog.session import Session
from backlog.shown import named
from backlog.verbs import cards, names


def _ids(value: str) -> list[str]:
    return values.dependencies(values.text(value, "--depends-on").split(","))


def _or_none(name: str, check: Callable[[str, str], Any], help: str) -> Option:
    """An option that is None where its value is blank."""
    return text(name, lambda value, name: check(value, name) if value.strip() else None, help)


def _whole(name: str, low: int, help: str, high: int = values.INT_MAX) -> Option:
    return _or_none(name, partial(values.integer, low=low, high=high), help)


def _switch(name: str, help: str) -> Option:
    return text(name, values.switch, help, metavar="on|off")


# A field that is not given is no attribute of the options: `edit` leaves it alone.
_FIELDS: Final = tuple(
    (name, {**settings, "default": SUPPRESS})
    for name, settings in (
        text("--body", values.text, "description"),
        text("--phase", values.optional_name, "lane or milestone"),
        number("--priority", values.INT_MIN, "higher is sooner"),
        ("--depends-on", {"type": _ids, "metavar": "A,B", "help": "ids it waits for"}),
        ("--acceptance", {"type": values.acceptance, "help": "JSON, or criteria split by ;"}),
        text("--role", values.optional_name, "who can work on it"),
        _whole(
            "--max-attempts",
            0,
            "claims before it is blocked (BACKLOG_MAX_ATTEMPTS, or 10; 0: no cap)",
            MOST_COUNTED,
        ),
        _or_none("--not-before", values.moment, "when it may be claimed, in ISO 8601"),
        _or_none("--due", values.moment, "when it should be done, in ISO 8601"),
        _whole("--max-runtime", 1, "seconds that an attempt may take"),
        _whole("--projected-tokens", 0, "tokens that it will take", values.BIGINT_MAX),
        _or_none("--projected-cost", values.cost, "what it will cost, such as 0.25"),
        _switch("--gated", "whether it waits for verdicts before it is done"),
        _switch("--draft", "whether it waits to be published before it is claimed"),
    )
)
_FROM: Final = text("--from", Named, "the card that waits", required=True, dest="card_id")
_PAIR: Final = (*or_ids(_FROM), text("--to", Named, "the card it waits for", dest="dependency_id"))


def given_fields(options: Options) -> dict[str, Any]:
    return {name: getattr(options, name) for name in settable.FIELDS if name in options}


@verb(
    "create",
    "add a card",
    # The verb decides what it may be called: it may be there.
    text("--id", values.line, "the card", required=True, dest="card_id"),
    text("--title", values.line, "what it is", required=True),
    *_FIELDS,
    # Blank, it is an unset variable that must not turn deduplication off unseen.
    text("--idempotency-key", values.key, "a repeated key creates nothing", default=SUPPRESS),
)
def create(session: Session, options: Options) -> Reply:
    made = cards.create(session, options.card_id, **given_fields(options))
    given = made.dependencies if "depends_on" in options else ()
    return noted(session, given, one_card(made))


def noted(session: Session, given: Iterable[str], reply: Reply) -> Reply:
    """With a word on what is waited for and is not there: to come, or misspelt."""
    missing = names.missing(session, given) if given else []
    if not missing:
        return reply
    said = f"waits for {named(missing)}: there is no such card yet; `unlink` takes a link back"
    return reply._replace(note=said)


def _status(value: str) -> str:
    if value == "waiting":
        raise UsageError(
            "waiting is no status: such a card is ready, and not claimable yet; --status ready"
            " lists it, --ready-only leaves it out, `explain` says what it waits for"
        )
    return values.status(value)


@verb(
    "list",
    "cards in the order of claims",
    one_of("--status", STATUSES, "ready, claimed, blocked or done", _status),
    text("--phase", values.line, "of this phase"),
    flag("--ready-only", "claimable ones"),
    flag("--in-review", "those that wait for verdicts"),
    number("--limit", 1, "so many at most"),
    text("--after", Named, "those that come after this card", metavar="ID"),
    one_of("--sort", cards.SORTS, "claim (the order of claims) or due", default="claim"),
    text("--due-before", values.moment, "due before this time, in ISO 8601", metavar="TIME"),
    flag("--late", "not done, and due by now"),
    flag("--archived", "what is archived, which is else left out"),
)
def list_cards(session: Session, options: Options) -> Reply:
    found = cards.list_cards(
        session,
        options.status,
        options.phase,
        options.ready_only,
        limit=options.limit,
        after=options.after,
        sort=options.sort,
        due_before=options.due_before,
        late=options.late,
        archived=options.archived,
        in_review=options.in_review,
    )
    return each(found, to_line, "(no cards)", as_json=options.json)._replace(
        note=unknown_phase(session, options.phase)
    )


def unknown_phase(session: Session, phase: str | None) -> str | None:
    """What to say of a phase that no card has, with the one that is like it."""
    if phase is None:
        return None
    from backlog.verbs import rules  # most lists are of all phases

    return rules.unknown(session, "phase", names.found(session, "phase", phase))


@verb("show", "one card, everything on it", CLAIMED_ID)
def show(session: Session, options: Options) -> Reply:
    card = cards.show(session, options.card_id)
    details = [
        f"{name.replace('_', '-')}: {iso(value) if isinstance(value, datetime) else value}"
        for name in WIRE_NAMES
        if (value := getattr(card, name)) is not None and value is not False
    ]
    if card.resolution == DUPLICATE:
        from backlog.verbs.drop import original  # most cards are none

        details.append(f"duplicate-of: {original(session, card.id) or 'unknown'}")
    return Reply([to_json(card) + "\n"], details)


def _something(options: Options) -> None:
    if not given_fields(options):
        names = ", ".join(f"--{field.replace('_', '-')}" for field in settable.FIELDS)
        raise UsageError(f"nothing to change: give one of {names}")


@verb(
    "edit",
    "change fields of a card",
    *or_ids(ID),
    text("--title", values.line, "what it is", default=SUPPRESS),
    *_FIELDS,
    text("--idempotency-key", values.optional_key, "another key; none if blank", default=SUPPRESS),
    check=_something,
)
def edit(session: Session, options: Options) -> Reply:
    fields = given_fields(options)
    card = cards.edit(session, options.card_id, **fields)
    return noted(session, fields.get("depends_on", ()), one_card(card))


@verb(
    "delete",
    "remove a card",
    *or_ids(ID, "all or none"),
    flag("--force", "also when unfinished cards wait for it"),
)
def delete(session: Session, options: Options) -> Reply:
    card = cards.delete(session, options.card_id, force=options.force)
    return one(card, to_deleted(card))


def _one_dependency(options: Options) -> None:
    if options.ids is None and options.dependency_id is None:
        raise UsageError("--to is missing: the card that --from waits for")


@verb("link", "--from now depends on --to", *_PAIR, check=_one_dependency)
def link(session: Session, options: Options) -> Reply:
    return one_card(cards.link(session, options.card_id, options.dependency_id))


@verb("unlink", "--from no longer depends on --to", *_PAIR, check=_one_dependency)
def unlink(session: Session, options: Options) -> Reply:
    return one_card(cards.unlink(session, options.card_id, options.dependency_id))
