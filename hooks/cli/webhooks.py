"""`webhook …`, `notify …`: who is told of what happens."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from backlog import values
from backlog.cli.options import Group, Options, flag, number, text, verb
from backlog.cli.reply import Reply, document, each, many, one
from backlog.records import iso, row
from backlog.session import Session
from hooks.words import EVENTS, MOST_OLD_HOURS, OLD_HOURS

if TYPE_CHECKING:
    from hooks.verbs.outbox import Delivery
    from hooks.verbs.webhooks import Added, Rotated, Subscription


def _events(value: str, name: str) -> list[str]:
    from hooks.verbs import webhooks

    return webhooks.events(values.line(value, name))


_WEBHOOK: Final = number("--webhook", 1, "its number", high=values.BIGINT_MAX, required=True)
_OF_WEBHOOK: Final = number("--webhook", 1, "of this one", high=values.BIGINT_MAX)
_WHAT: Final = (
    text("--events", _events, f"of {', '.join(EVENTS)}", required=True, metavar="A,B"),
    text("--phase", values.line, "only of this phase"),
)


def _url(help: str) -> tuple[str, dict[str, Any]]:
    return "url", {"metavar": "URL", "type": lambda value: values.line(value, "URL"), "help": help}


@verb("add", "post what happens to a URL, signed", _url("https://HOST/…"), *_WHAT)
def add(session: Session, options: Options) -> Reply:
    from hooks.verbs import webhooks

    made = webhooks.add_webhook(session, options.url, options.events, options.phase)
    return one(made, row(*_fields(made), f"secret={made.secret}"))


@verb("list", "who is told of what, by webhook or notification")
def list_webhooks(session: Session, options: Options) -> Reply:
    from hooks.verbs import webhooks

    found = webhooks.subscriptions(session)
    return many(found, lambda one: row(*_fields(one), *_more(one)), "(no webhooks)")


@verb("remove", "tell it nothing more, nor what waits for it", _WEBHOOK)
def remove(session: Session, options: Options) -> Reply:
    from hooks.verbs import webhooks

    gone = webhooks.remove(session, options.webhook)
    return one(gone, row(f"removed: {gone.id}", gone.url))


@verb(
    "rotate",
    "sign by a new secret, and for a while by the old one, too",
    _WEBHOOK,
    number(
        "--hours",
        0,
        "for which the old one signs as well (%(default)s); 0: from now on not",
        high=MOST_OLD_HOURS,
        default=OLD_HOURS,
    ),
)
def rotate(session: Session, options: Options) -> Reply:
    from hooks.verbs import webhooks

    made = webhooks.rotate(session, options.webhook, options.hours)
    return one(made, row(made.id, made.kind, made.url, f"secret={made.secret}", _old(made)))


@verb("enable", "send again to one that was switched off, and what waits for it", _WEBHOOK)
def enable(session: Session, options: Options) -> Reply:
    from hooks.verbs import webhooks

    made = webhooks.enable(session, options.webhook)
    return one(made, row(*_fields(made), *_more(made)))


@verb("test", "send it a message that says nothing, with the next sweep", _WEBHOOK)
def test(session: Session, options: Options) -> Reply:
    from hooks.verbs import outbox, webhooks

    made = outbox.delivery(session, webhooks.test(session, options.webhook))
    return one(made, _line(made))


@verb(
    "deliveries",
    "what was sent, is to be, and could not be, oldest first",
    _OF_WEBHOOK,
    flag("--dead", "what is not tried again"),
)
def deliveries(session: Session, options: Options) -> Reply:
    from hooks.verbs import outbox

    found = outbox.deliveries(session, options.webhook, dead=options.dead)
    return each(found, _line, "(no deliveries)", as_json=options.json)


@verb(
    "resend",
    "send again with the next sweep, under the same id",
    number("--delivery", 1, "this one", high=values.BIGINT_MAX, either=True),
    number("--webhook", 1, "all that is dead of this one", high=values.BIGINT_MAX, either=True),
)
def resend(session: Session, options: Options) -> Reply:
    from hooks.verbs import outbox

    if options.delivery is not None:
        made = outbox.resend(session, options.delivery)
        return one(made, _line(made))
    again = outbox.resend_dead(session, options.webhook)
    numbers = ", ".join(str(each.id) for each in again)
    return document({"resent": [each.id for each in again]}, [f"resent: {numbers or '-'}"])


@verb("add", "tell somebody by chat or mail", _url("of apprise, such as slack://…"), *_WHAT)
def add_notification(session: Session, options: Options) -> Reply:
    from hooks.verbs import webhooks

    made = webhooks.add_notification(session, options.url, options.events, options.phase)
    return one(made, row(*_fields(made)))


webhook = Group(
    "webhook",
    "who is told of what happens, and what they were told",
    (add, list_webhooks, remove, rotate, enable, test, deliveries, resend),
)
notify = Group("notify", "tell somebody by chat or mail what happens", (add_notification,))


def _fields(of: "Added | Any") -> tuple[object, ...]:
    phase = f"phase={of.phase or '-'}"
    return of.id, of.kind, of.url, ",".join(of.events), phase, of.actor, iso(of.since)


def _more(of: "Subscription") -> Iterator[str]:
    """What is said of few of them."""
    if of.old_until is not None:
        yield _old(of)
    if of.off_at is not None:
        yield f"off={iso(of.off_at)}"
        yield of.off_why or "-"
    elif of.failing_since is not None:
        yield f"failing={iso(of.failing_since)}"


def _old(of: "Subscription | Rotated") -> str:
    return f"old-secret-until={iso(of.old_until) if of.old_until else '-'}"


def _line(of: "Delivery") -> str:
    tried = f"tries={of.attempts}"
    head = of.id, f"[{of.state}]", f"webhook={of.webhook}", of.type, of.about or "-", tried
    return row(*head, iso(of.at), *filter(None, [of.error]))
