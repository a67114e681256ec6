"""Rows that tests set up, and the store without any."""

from datetime import UTC, datetime
from typing import Any

from factory import LazyAttribute, Sequence, Trait
from factory.django import DjangoModelFactory

from backlog.lifecycle import (
    BLOCKED,
    CLAIMED,
    DEFAULT_BLOCK_REASON,
    DEFAULT_TTL_SECONDS,
    DONE,
    READY,
)
from backlog.session import Session
from backlog.verbs import cards, claims, moves

# Row by row, for TRUNCATE makes every file anew (20 ms); what a large test left goes by it.
_EMPTY = """
DO $$ BEGIN
    SET LOCAL session_replication_role = replica;
    IF pg_relation_size('backlog') + pg_relation_size('backlog_event') > 1000000 THEN
        TRUNCATE {tables};
    ELSE
        {deletes};
    END IF;
END $$"""
_TABLES = ["backlog", "backlog_dependency", "backlog_deleted"]
_TABLES += ["backlog_view"]
_TABLES += ["backlog_event", "backlog_ended_run", "backlog_output", "backlog_rule", "backlog_kept"]
_TABLES += ["backlog_search", "backlog_verdict", "fleet_worker", "fleet_escalation"]
_TABLES += ["remote_token", "remote_answer"]
_TABLES += ["hooks_subscription", "hooks_delivery", "hooks_done_phase"]
_TABLES += ["fleet_decision", "fleet_heartbeat", "fleet_signal", "fleet_repeat", "fleet_proposal"]
EMPTY = _EMPTY.format(
    tables=", ".join(_TABLES), deletes="; ".join(map("DELETE FROM {}".format, _TABLES))
)


def empty(session: Session) -> None:
    """Remove every card, and what cards that are gone left."""
    session.execute(EMPTY)


class CardFactory(DjangoModelFactory):
    """A card in any state: `CardFactory(id="A", claimed=True, owner="v")`. Ready, if not told.

    With a `session` it is made there, and given as the verbs give it; else on Django's connection,
    as a model. It gets to its state by the verbs that lead there.
    """

    id = Sequence("card-{}".format)
    title = LazyAttribute(lambda card: f"Card {card.id}")
    status = READY
    # Of a claim, and of a block.
    owner = "w"
    ttl = DEFAULT_TTL_SECONDS
    claimed_at = None
    reason = DEFAULT_BLOCK_REASON
    note = None

    class Meta:
        model = "backlog.Card"

    class Params:
        waiting = Trait(depends_on=["nowhere"])
        held_back = Trait(not_before=datetime(2999, 1, 1, tzinfo=UTC))
        claimed = Trait(status=CLAIMED)
        expired = Trait(status=CLAIMED, claimed_at=datetime(2020, 1, 1, tzinfo=UTC))
        blocked = Trait(status=BLOCKED)
        done = Trait(status=DONE)

    @classmethod
    def _create(cls, model_class: Any, session: Session | None = None, **given: Any) -> Any:
        names = ("status", "owner", "ttl", "claimed_at", "reason", "note")
        status, owner, ttl, claimed_at, reason, note = map(given.pop, names)
        if session is None:
            card_id = model_class.objects.create(**given).id
            at = model_class.objects.session()
        else:
            card_id = cards.create(session, given.pop("id"), given.pop("title"), **given).id
            at = session
        if status == CLAIMED:
            assert claims.claim(at, owner, ttl, card_id=card_id).card, "it cannot be claimed"
        elif status == BLOCKED:
            moves.block(at, card_id, reason=reason, note=note)
        elif status == DONE:
            moves.complete(at, card_id)
        if claimed_at is not None:  # no verb leads into the past
            at.execute("UPDATE backlog SET claimed_at = %s WHERE id = %s", (claimed_at, card_id))
        return cards.show(at, card_id) if session else model_class.objects.get(pk=card_id)


class AccountFactory(DjangoModelFactory):
    """Somebody who may log in, with the password "secret": `AccountFactory(operator=True)`."""

    username = Sequence("user-{}".format)
    password = "secret"
    role = None  # the group, which a migration made

    class Meta:
        model = "auth.User"

    class Params:
        viewer = Trait(role="viewer")
        operator = Trait(role="operator")
        staff = Trait(role="staff")
        superuser = Trait(is_superuser=True, is_staff=True)

    @classmethod
    def _create(cls, model_class: Any, role: str | None = None, **given: Any) -> Any:
        account = model_class.objects.create_user(**given)
        if role is not None:
            account.groups.add(account.groups.model.objects.get(name=role))
        return account
