"""Where a message may go: to no private address, whatever a name leads to."""

import shutil
import socket
import ssl
import subprocess
from unittest.mock import Mock

import pytest

from hooks import addresses
from hooks.verbs import webhooks
from hooks.verbs.deliver import deliver
from tests.hooks import ANY


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
