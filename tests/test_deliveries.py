"""What a sweep sends: signed, in order, until it has arrived, and to no private address."""

import json
import os
import shutil
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from unittest.mock import Mock

import pytest

from backlog.errors import NotFound
from backlog.records import to_json
from backlog.verbs import cards
from fleet.verbs import escalations
from hooks import addresses, notifying, payload, post
from hooks.verbs import deliver as sending
from hooks.verbs import outbox, webhooks
from hooks.verbs.deliver import deliver
from hooks.verbs.figures import figures
from tests.command import On
from tests.receiver import receiving, signature, status
from tests.worker import until

ANY = "card.blocked"


@pytest.fixture
def receiver(monkeypatch):
    """A server at a private address, which is allowed."""
    monkeypatch.setenv("BACKLOG_WEBHOOKS_PRIVATE", "on")
    with receiving() as server:
        yield server


@pytest.fixture
def hook(session, receiver):
    """Its subscription."""
    return webhooks.add_webhook(session, receiver.url, ANY)


@pytest.fixture
def due(session):
    """Makes everything due that is to be sent again, and the sweep that was killed forgotten."""

    def run():
        session.execute("UPDATE hooks_delivery SET next_at = now() WHERE next_at IS NOT NULL")
        session.execute("UPDATE hooks_subscription SET busy_until = now()")

    return run


@pytest.fixture
def found(session):
    """The deliveries as they are now."""
    return lambda: list(outbox.deliveries(session))


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
    session, sessions, hook, receiver
):
    arrived, answer = Event(), Event()
    receiver.answers = [lambda handler: (arrived.set(), answer.wait(9), status(200)(handler))]
    for _ in range(2):
        webhooks.test(session, hook.id)
    other = sessions()
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


# Addresses ----------------------------------------------------------------------------------------


def _resolver(monkeypatch, *answers):
    """Names have these addresses, each list at one look-up; how often somebody looked."""
    asked = []

    def look(host, port, **_):
        asked.append(host)
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        found = answers[min(len(asked), len(answers)) - 1]
        return [(families[":" in each], socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", look)
    return asked


@pytest.mark.parametrize(
    "private",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "169.254.169.254", "100.64.0.1", "224.0.0.1"),  # noqa: S104 (refused)
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fec0::1", "ff02::1"),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"),
    ],
)
def test_no_name_leads_to_a_private_address(session, monkeypatch, found, private):
    hook = webhooks.add_webhook(session, "https://example.org/", ANY)
    _resolver(monkeypatch, ["1.1.1.1", private])
    webhooks.test(session, hook.id)
    assert deliver(session) == []
    assert f"{private} is no public address" in found()[0].error


def test_why_nothing_was_sent_is_said_without_the_system_s_number(session, monkeypatch, found):
    hook = webhooks.add_webhook(session, "https://example.org/", ANY)
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=unknown))
    webhooks.test(session, hook.id)
    deliver(session)
    assert found()[0].error == "Name or service not known"


def test_a_name_is_looked_up_once_and_that_address_is_called(session, receiver, monkeypatch):
    hook = webhooks.add_webhook(session, f"http://example.org:{receiver.port}/", ANY)
    asked = _resolver(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    webhooks.test(session, hook.id)
    assert len(deliver(session)) == 1
    assert asked == ["example.org"]
    assert receiver.got[0][0]["Host"] == f"example.org:{receiver.port}"


def test_what_is_not_allowed_any_more_is_not_sent(session, hook, receiver, found, monkeypatch):
    webhooks.test(session, hook.id)
    monkeypatch.setenv("BACKLOG_WEBHOOKS_PRIVATE", "off")
    assert (deliver(session), receiver.got) == ([], [])
    assert "must be https://" in found()[0].error


@pytest.mark.one_tier
def test_a_certificate_is_for_the_name_not_for_the_address(
    session, receiver, found, monkeypatch, tmp_path
):
    assert shutil.which("openssl")
    made, key = tmp_path / "made.pem", tmp_path / "key.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=example.org", "-addext", "subjectAltName=DNS:example.org"]
    files = ["-keyout", key, "-out", made]
    subprocess.run(["openssl", *words, *names, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    _resolver(monkeypatch, ["127.0.0.1"])
    for host in ("example.org", "example.com"):
        hook = webhooks.add_webhook(session, f"https://{host}:{receiver.port}/", ANY)
        webhooks.test(session, hook.id)
    deliver(session)
    assert [each.state for each in found()] == ["delivered", "waiting"]
    assert "Hostname mismatch" in found()[1].error


# Notifications ------------------------------------------------------------------------------------


@pytest.mark.one_tier
def test_apprise_tells_and_calls_no_private_address_unless_it_may(
    session, card, receiver, found, monkeypatch
):
    url = f"json://127.0.0.1:{receiver.port}/a-secret-path"
    hook = webhooks.add_notification(session, url, ANY)
    assert (hook.url, hook.secret) == ("json://…", None)
    card("A", title="Which?", blocked=True, note="one of two")
    assert len(deliver(session)) == 1
    said = json.loads(receiver.got.pop()[1])
    assert said["title"] == "card.blocked: A Which?"
    assert "one of two" in said["message"]
    webhooks.test(session, hook.id)
    monkeypatch.setenv("BACKLOG_WEBHOOKS_PRIVATE", "off")
    assert (deliver(session), receiver.got) == ([], [])
    assert "no public address" in found()[1].error


@pytest.mark.parametrize("private", [True, False])
def test_apprise_starts_no_program_wherever_it_may_call(private):
    with pytest.raises(PermissionError):
        notifying._watch(private, lambda: None, "subprocess.Popen", ())


@pytest.mark.one_tier
@pytest.mark.parametrize("where", ["{}", "file://{}"])
def test_apprise_reads_no_file_that_a_url_names(call, tmp_path, where):
    template = tmp_path / "secret.json"
    template.write_text("{}")
    named = f"workflow://example.org/workflow1234567/sig1234567?template={where.format(template)}"
    assert call("notify", "add", named, "--events", ANY).status == 2


@pytest.mark.one_tier
@pytest.mark.parametrize(
    "where", ["nothing", "nosuch://secret", "slack://secret", f"json://secret/{'a' * 2000}"]
)
def test_what_apprise_does_not_know_is_refused_without_saying_it(call, caplog, where):
    ran = call("notify", "add", where, "--events", ANY)
    assert (ran.status, "URL" in ran.err) == (2, True)
    assert "secret" not in ran.err + caplog.text


def test_without_apprise_a_notification_says_what_to_install(monkeypatch):
    monkeypatch.setitem(notifying.sys.modules, "apprise", None)
    with pytest.raises(notifying.Refusal, match="fleet-backlog"):
        notifying.check("mailto://a:b@example.org")


@pytest.mark.parametrize("kind", ["card.blocked", "escalation.raised"])
def test_what_is_said_to_people_is_whole_lines(session, card, kind):
    """Whatever a text has in it: a chat shows no line of its own making."""
    webhooks.add_webhook(session, "https://example.org/", kind)
    card("A", title="two\nlines\x1b[31m", blocked=True, note="why\nnot")
    escalations.escalate(session, "help\nme", "A")
    (number,) = session.execute("SELECT id FROM hooks_delivery").fetchone()
    made = payload.message(session, number, kind, datetime(2026, 1, 1, tzinfo=UTC))
    assert made.title.isprintable()
    assert all(line.replace("\t", "").isprintable() for line in made.text.split("\n"))
    assert made.text.count("\n") == 1
