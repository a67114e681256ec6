"""What a sweep sends: signed, in order, until it has arrived."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import pytest

from backlog.errors import NotFound
from backlog.records import to_json
from backlog.verbs import cards
from hooks import payload, post
from hooks.verbs import deliver as sending
from hooks.verbs import outbox, webhooks
from hooks.verbs.deliver import deliver
from hooks.verbs.figures import figures
from tests.command import On
from tests.hooks import ANY
from tests.receiver import signature, status
from tests.worker import until


def test_it_is_signed_and_has_the_card_as_the_command_prints_it(
    session, card, hook, receiver, found
):
    made = card("A", claimed=True, acceptance='{"n": 1.50}')
    session.execute("UPDATE backlog SET status = 'blocked' WHERE id = 'A'")
    (sent,) = found()
    assert deliver(session) == [str(sent.id)]
    ((headers, body),) = receiver.got
    assert headers["webhook-signature"] == signature(hook.secret, headers, body)
    assert (headers["webhook-id"], headers["Host"]) == (sent.message, f"127.0.0.1:{receiver.port}")
    said = json.loads(body)
    assert (said["type"], said["data"].pop("heldBy")) == (ANY, made.claim_owner)
    assert said["data"].pop("actor")
    assert said["data"] == json.loads(to_json(cards.show(session, "A")))
    assert b'"acceptance":{"n": 1.50}' in body
    assert (found()[0].state, found()[0].answered) == ("delivered", 200)


def test_the_signature_is_the_one_of_the_standard():
    secret, key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    made = post.headers([secret, secret], key, 1614265330.9, b'{"test": 2432232314}')
    assert made["webhook-timestamp"] == "1614265330"
    signed = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert made["webhook-signature"] == f"{signed} {signed}"


def test_both_secrets_sign_until_the_old_one_ends(session, hook, receiver):
    def signed(secrets):
        webhooks.test(session, hook.id)
        assert len(deliver(session)) == 1
        headers, body = receiver.got[-1]
        made = " ".join(signature(each, headers, body) for each in secrets)
        return headers["webhook-signature"] == made

    second = webhooks.rotate(session, hook.id).secret
    third = webhooks.rotate(session, hook.id, 48).secret
    assert signed([third, second, hook.secret])
    session.execute("UPDATE hooks_old_secret SET until = until - interval '25 hours'")
    assert signed([third, second])
    assert session.execute("SELECT secret FROM hooks_old_secret").fetchall() == [(second,)]
    assert signed([webhooks.rotate(session, hook.id, 0).secret])


def test_a_secret_that_is_taken_away_signs_nothing_of_a_sweep_that_has_begun(
    session, sessions, hook, receiver
):
    made = []

    def answer(handler):
        made.append(webhooks.rotate(sessions(), hook.id, 0).secret)
        status(200)(handler)

    receiver.answers = [answer]
    for _ in range(2):
        webhooks.test(session, hook.id)
    assert len(deliver(session)) == 2
    headers, body = receiver.got[1]
    assert headers["webhook-signature"] == signature(made[0], headers, body)


def _fail(session, days, tries):
    """As if nothing had arrived for so many days, and what waits had been tried so often."""
    sql = "UPDATE hooks_subscription SET failing_since = now() - make_interval(days => %s)"
    session.execute(sql, (days,))
    session.execute("UPDATE hooks_delivery SET attempts = %s", (tries,))


def test_one_that_has_failed_for_days_is_switched_off_with_the_next_that_dies(
    session, card, hook, receiver, found, due
):
    webhooks.test(session, hook.id)
    receiver.answers = [status(500)] * 3
    for days, tries, is_off in ((9, 0, False), (4, 9, False), (5, 9, True)):
        _fail(session, days, tries)
        session.execute("UPDATE hooks_delivery SET next_at = now()")
        assert deliver(session) == []
        assert (webhooks.subscription(session, hook.id).off_at is not None) == is_off
    assert webhooks.subscription(session, hook.id).off_why == "HTTP status 500"
    card("A", blocked=True)
    assert (sending.waits(session), deliver(session), len(receiver.got)) == (False, [], 3)
    assert [each.state for each in found()] == ["dead", "waiting"]
    webhooks.enable(session, hook.id)
    assert (sending.waits(session), len(deliver(session))) == (True, 1)
    assert webhooks.subscription(session, hook.id).failing_since is None


def test_what_arrives_begins_the_days_anew(session, hook, receiver):
    for _ in range(2):
        webhooks.test(session, hook.id)
    _fail(session, 9, 9)
    receiver.answers = [status(200), status(500)]
    assert len(deliver(session)) == 1
    one = webhooks.subscription(session, hook.id)
    assert (one.off_at, one.failing_since is not None) == (None, True)


def test_tries_are_counted_whatever_becomes_of_the_messages(session, hook, receiver, due):
    for _ in range(3):
        webhooks.test(session, hook.id)
    receiver.answers = [status(200), status(500)]
    deliver(session)
    session.execute(
        "UPDATE hooks_delivery SET at = at - interval '1 hour', next_at = NULL"
        " WHERE error IS NOT NULL"
    )
    number = str(hook.id)
    told = {each.name: each.samples for each in figures(session)}
    assert told["backlog_webhook_tries"] == {
        (number, "webhook", "delivered"): 1,
        (number, "webhook", "failed"): 1,
    }
    assert told["backlog_webhook_messages"] == {
        (number, "webhook", "waiting"): 1,
        (number, "webhook", "dead"): 1,
    }
    assert 0 <= told["backlog_webhook_oldest_waiting_seconds"][number, "webhook"] < 3600
    assert told["backlog_webhook_off"] == {(number, "webhook"): 0}


def _drip(handler):
    """A byte now and then, without end: no time-out of a socket's sees that."""
    while True:
        handler.wfile.write(b"H")
        Event().wait(0.05)


def _go_on(handler):
    """As long as nobody hangs up: the standard library's client passes over each."""
    while True:
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        Event().wait(0.05)


def _flood(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(2**20))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(500), (500, "HTTP status 500")),
        (status(302, Location="/"), (302, "HTTP status 302")),
        (lambda handler: handler.wfile.write(b"what?\r\n\r\n"), (None, "what?")),
        (_drip, (None, "no answer within 0 seconds")),
        (_go_on, (None, "no answer within 0 seconds")),
        (_flood, (200, None)),
    ],
    ids=["error", "redirect", "garbage", "slow", "never begun", "endless"],
)
def test_what_a_server_may_do(session, hook, receiver, found, monkeypatch, answer, said):
    monkeypatch.setattr(post, "SECONDS", 0.4)
    webhooks.test(session, hook.id)
    receiver.answers = [answer]
    deliver(session)
    (sent,) = found()
    assert (len(receiver.got), sent.attempts, sent.answered) == (1, 1, said[0])
    assert said[1] is None or said[1] in sent.error
    assert sent.state == ("waiting" if said[1] else "delivered")


def test_it_is_tried_later_and_later_then_dead_and_can_be_sent_again(
    session, hook, receiver, found, due, monkeypatch
):
    clock = iter(range(1_700_000_000, 1_800_000_000, 1000))
    monkeypatch.setattr(sending.time, "time", lambda: next(clock))
    webhooks.test(session, hook.id)
    receiver.answers = [status(503)] * sending.MOST_TRIES
    waits = "SELECT extract(epoch FROM next_at - tried_at) FROM hooks_delivery"
    for pause in sending.PAUSES:
        deliver(session)
        assert pause <= session.execute(waits).fetchone()[0] <= 1.1 * pause
        due()
    assert (deliver(session), found()[0].state) == ([], "dead")
    due()
    assert deliver(session) == []
    outbox.resend(session, found()[0].id)
    assert len(deliver(session)) == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.got}) == 11
    assert all(h["webhook-signature"] == signature(hook.secret, h, b) for h, b in receiver.got)


def test_they_go_out_in_order_and_one_that_fails_is_no_bar_to_the_next_sweep(
    session, card, hook, receiver, due
):
    for each in "ABC":
        card(each, blocked=True)
    receiver.answers = [status(500)]
    assert (deliver(session), len(receiver.got)) == ([], 1)  # the server is down, as it seems
    assert len(deliver(session)) == 2
    due()
    deliver(session)
    assert [said["id"] for said in receiver.said] == ["A", "B", "C", "A"]


def test_one_sweep_sends_to_a_server_and_holds_no_transaction_meanwhile(
    session, other, hook, receiver
):
    arrived, answer = Event(), Event()
    receiver.answers = [lambda handler: (arrived.set(), answer.wait(9), status(200)(handler))]
    for _ in range(2):
        webhooks.test(session, hook.id)
    (pid,) = other.execute("SELECT pg_backend_pid()").fetchone()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(deliver, other)
        assert arrived.wait(9)
        assert deliver(session) == []
        state = session.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [pid])
        assert state.fetchone() == ("idle",)
        answer.set()
        assert len(first.result()) == len(receiver.got) == 2


def test_what_a_sweep_was_sending_as_it_was_killed_comes_back(session, hook, receiver, due):
    webhooks.test(session, hook.id)
    never = Event()
    receiver.answers = [lambda handler: never.wait(30)]
    with On(**os.environ).start("sweep") as process:
        until(lambda: receiver.got, "the message")
        process.kill()
    assert deliver(session) == []  # nobody knows yet that it is gone
    due()
    assert len(deliver(session)) == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    never.set()


def test_who_is_removed_while_it_is_told_is_told_no_more(session, sessions, hook, receiver):
    def answer(handler):
        webhooks.remove(sessions(), hook.id)
        status(200)(handler)

    receiver.answers = [answer]
    numbers = [webhooks.test(session, hook.id) for _ in range(2)]
    assert deliver(session) == [str(numbers[0])]
    assert len(receiver.got) == 1
    with pytest.raises(NotFound, match="any more"):
        payload.message(session, numbers[1], "webhook.test", datetime.now(UTC))


def test_what_would_be_too_long_says_what_it_leaves_out(session, card, hook, receiver):
    card("A", title="short", body='"' * 300_000, blocked=True)
    deliver(session)
    assert len(receiver.got[0][1]) <= payload.MOST
    (said,) = receiver.said
    assert (said["title"], said["body"], said["omitted"]) == ("short", None, ["body"])
