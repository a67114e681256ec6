"""What is told by chat and mail: apprise, in a process of its own, and what people read."""

import json
from datetime import UTC, datetime

import pytest

from fleet.verbs import escalations
from hooks import notifying, payload
from hooks.verbs import webhooks
from hooks.verbs.deliver import deliver
from tests.hooks import ANY


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
