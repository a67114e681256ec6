"""Who is told of what: what writes the outbox, what does not, and the verbs and the page of it."""

from contextlib import suppress

import pytest

from backlog import schema
from backlog.errors import NotFound, Refusal, UsageError, WrongState
from backlog.models import Card
from backlog.verbs import budgets, cards, claims, moves, rules
from backlog.verbs.runs import Report
from fleet.verbs import escalations
from hooks import words
from hooks.verbs import outbox, phases, webhooks
from hooks.verbs.deliver import deliver

pytestmark = pytest.mark.quick

URL = "https://example.org/a-secret-path?key=secret"


@pytest.fixture
def told(session):
    """What is in the outbox, each with what it is about."""
    return lambda: [(each.type, each.about) for each in outbox.deliveries(session)]


@pytest.fixture
def everything(session):
    """Somebody who wants to know of all there is."""
    return webhooks.add_webhook(session, URL, words.EVENTS)


def _expire(session):
    session.execute("UPDATE backlog SET claimed_at = '2020-01-01Z' WHERE id = 'A'")
    moves.reclaim(session)


def _exhaust(session):
    cards.edit(session, "A", max_attempts=1)
    moves.release(session, "A")


def _spend(session):
    budgets.budget(session, "M1", tokens=5)
    moves.complete(session, "A", report=Report(tokens=5))


BLOCKED, EXPIRED = ("card.blocked", "A"), ("card.expired", "A")


@pytest.mark.parametrize(
    ("act", "events"),
    [
        (lambda s: moves.block(s, "A", reason="needs_input"), [BLOCKED]),
        (_expire, [EXPIRED]),
        (_exhaust, [BLOCKED, ("card.attempts_exhausted", "A")]),
        (_spend, [("budget.spent", "M1"), ("phase.done", "M1")]),
        (lambda s: budgets.budget(s, "M1", tokens=0), [("budget.spent", "M1")]),
        (lambda s: rules.pause(s, "fleet", "", "freeze"), [("claims.paused", None)]),
        (lambda s: escalations.escalate(s, "help", "A"), [("escalation.raised", "A")]),
        (lambda s: escalations.escalate(s, "help"), [("escalation.raised", None)]),
        (lambda s: moves.complete(s, "A"), [("phase.done", "M1")]),
        (lambda s: moves.release(s, "A"), []),
        (lambda s: moves.renew(s, "A", "w"), []),
    ],
)
def test_what_happens_is_written_with_it(session, card, everything, told, act, events):
    card("A", phase="M1", claimed=True)
    act(session)
    phases.tell(session)
    assert told() == events


def test_what_is_undone_is_told_nobody(session, card, everything, told):
    card("A")
    with suppress(ZeroDivisionError), session.transaction():
        moves.block(session, "A")
        raise ZeroDivisionError
    assert told() == []


def test_only_whom_it_concerns_is_told(session, card, told):
    for events, phase in (("card.blocked", "M2"), ("card.expired", None)):
        webhooks.add_webhook(session, URL, events, phase)
    mine = webhooks.add_webhook(session, URL, "card.blocked,claims.paused", "M1")
    card("A", phase="M1", blocked=True)
    rules.pause(session, "phase", "M2", "freeze")
    rules.pause(session, "fleet", "", "freeze")
    assert told() == [("card.blocked", "A"), ("claims.paused", None)]
    assert {each.webhook for each in outbox.deliveries(session)} == {mine.id}


def test_an_escalation_is_told_each_time_it_is_raised(session, everything, told):
    escalations.escalate(session, "help")
    session.execute("UPDATE fleet_escalation SET again_at = now() - interval '1 s'")
    escalations.raise_again(session)
    assert told() == [("escalation.raised", None)] * 2


def test_a_phase_that_two_end_at_once_is_told_once_and_again_after_it_was_open(
    session, other, card, told
):
    for each in ("before", "A", "B"):
        card(each, phase="old" if each == "before" else "M1", done=each == "before")
    webhooks.add_webhook(session, URL, "phase.done")
    with other.transaction(), session.transaction():
        moves.complete(other, "A")
        moves.complete(session, "B")
    for look in range(2):
        assert [phases.tell(session), phases.tell(other)] == [["M1"], []]
        moves.reopen(session, "A")
        assert phases.tell(session) == []
        if look == 0:
            moves.complete(session, "A")
    assert told() == [("phase.done", "M1")] * 2


def test_a_claim_and_its_completion_write_what_they_wrote(session, card, everything):
    def written(table):
        return session.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 (as named)

    card("A")
    assert claims.claim(session, "w").card
    moves.complete(session, "A", "w", 1)
    assert written("hooks_delivery") == written("hooks_done_phase") == (0,)


def test_who_removes_a_subscription_waits_for_no_card_and_no_card_for_them(
    session, sessions, card, everything, told
):
    card("A")
    with session.transaction():
        moves.block(session, "A")
        webhooks.remove(sessions(), everything.id)
    assert (told(), deliver(session)) == ([BLOCKED], [])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.org/", "must be https://"),
        ("ftp://example.org/", "must be https://HOST"),
        ("https:///in", "must be https://HOST"),
        ("https://example.org:0/", "https://HOST:PORT/"),
        ("https://a:b@example.org/", "no user and no password"),
        ("https://example.org:x/", "cannot be read"),
        ("https://bücher.example/", "ASCII"),
        ("https://example.org/" + "a" * words.LONGEST_URL, "up to 2000"),
        ("https://10.0.0.1/", "no public address"),
        ("https://[::ffff:127.0.0.1]/", "no public address"),
    ],
)
def test_a_url_that_cannot_be_is_refused(session, url, said):
    with pytest.raises(UsageError, match=said):
        webhooks.add_webhook(session, url, "card.blocked")
    assert webhooks.subscriptions(session) == []


def test_there_are_only_so_many(session, monkeypatch):
    monkeypatch.setattr(webhooks, "MOST_SUBSCRIPTIONS", 1)
    webhooks.add_webhook(session, URL, "card.blocked")
    with pytest.raises(Refusal, match="may be no more"):
        webhooks.add_webhook(session, URL, "card.blocked")


@pytest.mark.parametrize(
    "act", [webhooks.remove, webhooks.rotate, webhooks.enable, webhooks.test, outbox.resend]
)
def test_what_is_not_there_is_said(session, act):
    with pytest.raises(NotFound, match="there is no"):
        act(session, 1)


@pytest.mark.one_tier
def test_secrets_are_shown_once(call, session):
    notified = "json://user:secret@example.org/a-secret-path"
    added = call("webhook", "add", URL, "--events", "card.blocked", "--json").json
    assert added["secret"].startswith("whsec_")
    assert call("notify", "add", notified, "--events", "card.blocked").out.count("secret") == 0
    call("create", "--id", "A", "--title", "t")
    call("block", "--id", "A")
    words = (["webhook", "list"], ["webhook", "deliveries"], ["history", "--id", "A"], ["export"])
    shown = "".join(call(*each, *more).out for each in words for more in ([], ["--json"]))
    assert "https://example.org/…" in shown
    assert "secret" not in shown
    assert "whsec_" not in shown


@pytest.mark.one_tier
def test_a_new_secret_is_shown_once_and_says_how_long_the_old_one_signs(call, everything, session):
    number = ("--webhook", str(everything.id))
    first, second = (call("webhook", "rotate", *number, "--json").json for _ in range(2))
    assert list(first) == ["id", "kind", "url", "secret", "oldUntil"]
    assert len({everything.secret, first["secret"], second["secret"]}) == 3
    listed = call("webhook", "list").out
    assert ("old-secret-until=" in listed, "whsec_" in listed) == (True, False)
    assert call("webhook", "rotate", *number, "--hours", "0").out.endswith("old-secret-until=-\n")
    assert "old-secret" not in call("webhook", "list").out
    assert session.execute("SELECT FROM hooks_old_secret").fetchall() == []


def test_only_so_many_old_secrets_sign_and_a_notification_has_none(session, everything):
    for _ in range(words.MOST_OLD_SECRETS):
        webhooks.rotate(session, everything.id)
    with pytest.raises(WrongState, match="5 old secrets of webhook"):
        webhooks.rotate(session, everything.id)
    sql = "UPDATE hooks_subscription SET kind = 'notify', secret = NULL"
    session.execute(sql)
    with pytest.raises(WrongState, match="is not signed"):
        webhooks.rotate(session, everything.id)


def test_what_waits_for_one_that_is_switched_off_is_kept_as_long_as_any(session, card, everything):
    session.execute("UPDATE hooks_subscription SET off_at = now(), off_why = 'HTTP status 500'")
    for card_id in "AB":
        card(card_id, blocked=True)
    old = (
        "UPDATE hooks_delivery SET at = now() - interval '31 days' WHERE data #>> '{card,id}' = 'A'"
    )
    session.execute(old)
    outbox.forget(session)
    assert [each.about for each in outbox.deliveries(session)] == ["B"]


@pytest.mark.one_tier
def test_one_that_is_switched_off_says_so_wherever_it_is_asked_for(call, session, card, everything):
    number = ("--webhook", str(everything.id))
    session.execute("UPDATE hooks_subscription SET off_at = now(), off_why = 'HTTP status 500'")
    card("A", blocked=True)
    (found,) = [
        each for each in call("doctor", "--json").json["findings"] if each["kind"] == "webhook_off"
    ]
    assert found["wayOut"] == f"backlog webhook enable --webhook {everything.id}"
    assert (found["scope"], found["name"], found["count"]) == ("webhook", str(everything.id), 1)
    said = "nothing had arrived for 5 days (HTTP status 500); 1 message waits"
    assert said in call("doctor").out
    assert "\tHTTP status 500\n" in call("webhook", "list").out
    for action in ("test", "resend"):
        ran = call("webhook", action, *number)
        assert (ran.status, "is switched off" in ran.err) == (1, True)
    assert call("webhook", "enable", *number, "--json").json["offAt"] is None
    assert call("webhook", "test", *number).status == 0


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_an_operator_switches_one_on_on_the_page(admin_client, store, transactional_db):
    session = Card.objects.session()
    made = webhooks.add_webhook(session, URL, "card.blocked")
    session.execute("UPDATE hooks_subscription SET off_at = now(), off_why = 'HTTP status 500'")
    act = {"number": made.id, "action": "test"}
    page = admin_client.post("/webhooks/act/", act, follow=True).text
    assert ("is switched off, so nothing" in page, "HTTP status 500" in page) == (True, True)
    page = admin_client.get("/doctor/").text
    assert f"webhook {made.id}</th>" in page
    assert '<a href="/webhooks/">Webhooks</a>' in page.partition("Switched off")[2]
    act["action"] = "enable"
    assert "Switched on" in admin_client.post("/webhooks/act/", act, follow=True).text
    assert webhooks.subscriptions(session)[0].off_at is None


@pytest.mark.one_tier
def test_the_command_lists_sends_again_and_removes(call, session, everything):
    number = ("--webhook", str(everything.id))
    made = call("webhook", "test", *number, "--json").json
    session.execute("UPDATE hooks_delivery SET next_at = NULL, error = 'HTTP status 500'")
    assert "\t[dead]\t" in call("webhook", "deliveries", "--dead").out
    assert "1 message was not delivered" in call("doctor").out
    again = call("webhook", "resend", *number, "--json").json
    assert again == {"resent": [made["id"]]}
    assert call("webhook", "deliveries", "--dead").out == "(no deliveries)\n"
    found = call("webhook", "resend", "--delivery", str(made["id"]), "--json").json
    assert (found["message"], found["state"]) == (made["message"], "waiting")
    assert call("webhook", "remove", *number).status == 0
    assert call("webhook", "deliveries").out == "(no deliveries)\n"
    assert call("webhook", "list").out == "(no webhooks)\n"


@pytest.mark.one_tier
def test_a_store_that_is_replaced_keeps_no_function_of_it(session):
    left = "SELECT proname FROM pg_proc WHERE starts_with(proname, 'hooks_')"
    with suppress(ZeroDivisionError), session.transaction():
        for sql in schema.dropping().split(";\n"):
            session.execute(sql or "SELECT")
        assert session.execute(left).fetchall() == []
        raise ZeroDivisionError


# The page -----------------------------------------------------------------------------------------


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_an_operator_adds_tests_and_removes_one_on_the_page(admin_client, store, transactional_db):
    fields = {"url": URL, "events": ["card.blocked"], "phase": ""}
    page = admin_client.post("/webhooks/add/", fields)
    session = Card.objects.session()
    (made,) = webhooks.subscriptions(session)
    assert (page.text.count("whsec_"), page["Cache-Control"]) == (1, "no-store")
    act = {"number": made.id, "action": "test"}
    page = admin_client.post("/webhooks/act/", act, follow=True)
    assert ("webhook.test" in page.text, "a-secret-path" in page.text) == (True, False)
    page = admin_client.post("/webhooks/rotate/", {"number": made.id})
    assert (page.text.count("whsec_"), page["Cache-Control"]) == (1, "no-store")
    assert "Its old secret signs, too" in page.text
    (waits,) = outbox.deliveries(session)
    act = {"number": waits.id, "action": "resend"}
    assert "goes out" in admin_client.post("/webhooks/act/", act, follow=True).text
    act = {"number": made.id, "action": "remove"}
    assert "Nobody is told" in admin_client.post("/webhooks/act/", act, follow=True).text
    assert "there is no webhook" in admin_client.post("/webhooks/act/", act, follow=True).text


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_what_the_form_cannot_have_is_said_beside_it(admin_client, store, transactional_db):
    fields = {"url": "http://example.org", "events": ["card.blocked"]}
    assert "must be https://" in admin_client.post("/webhooks/add/", fields).text
    assert webhooks.subscriptions(Card.objects.session()) == []


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_a_viewer_reads_and_changes_nothing(viewer, store, transactional_db):
    made = webhooks.add_webhook(Card.objects.session(), URL, "card.blocked")
    page = viewer.get("/webhooks/").text
    assert ("https://example.org/…" in page, 'value="remove"' in page) == (True, False)
    for url in ("add", "act", "rotate"):
        assert viewer.post(f"/webhooks/{url}/", {"number": made.id}).status_code == 403
