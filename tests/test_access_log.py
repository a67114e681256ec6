"""What the access log and the pages believe of a request: nothing that anybody can write."""

import os
import re
from contextlib import ExitStack
from functools import cache

import pytest

from tests.command import copied_store, used_store
from tests.serving import answer, send, serving
from tests.worker import until

pytestmark = pytest.mark.one_tier

LINE = re.compile(r'\[[^]]+\] 127\.0\.0\.1 (\S+) "([A-Z]+) ([!-~]*)" [0-9]{3} [0-9]+ [0-9.]+s')
FORGED = "127.0.0.1 - - GET /admin/ 200"
ENDED = b"Connection: close\r\n\r\n"


@pytest.fixture(scope="module")
def servers():
    """Servers with a log each: `servers(allowed)` is the URL and the log of one."""
    with copied_store(used_store()) as root, ExitStack() as stack:

        @cache
        def started(allowed: str):
            log = root.parent / f"{allowed.partition('/')[0]}.log"
            env = {**os.environ, "BACKLOG_DATA_DIR": str(root), "FORWARDED_ALLOW_IPS": allowed}
            words = ("--no-sweep", "--workers", "1", "--access-log", str(log))
            return stack.enter_context(serving(env, *words))[1], log

        yield started


@pytest.fixture
def logged(servers):
    """What the log says of one request: client, method and path. It is one line of one form."""

    def log(path: str, *headers: str, allowed: str = ""):
        url, file = servers(allowed)
        before = len(file.read_text())
        request = "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, ""])
        answer(send(url, request.encode("latin-1"), ENDED))
        (line,) = until(lambda: file.read_text()[before:], "a line").splitlines()
        return LINE.fullmatch(line).groups()

    return log


@pytest.mark.parametrize(
    "path",
    [
        "/a%0A[01/Jan/2026:00:00:00%20+0000]%20127.0.0.1%20-%20%22GET%20/admin/%22%20200",
        "/a%0D%0Ab",
        "/a%1B[2J",
        "/a%E2%80%A8b",
        "/a%C2%85b",
        "/a%00",
    ],
)
def test_a_path_is_logged_as_it_was_sent(logged, path):
    assert logged(path) == ("-", "GET", path)


def test_a_query_is_not_logged_however_it_is_written(logged):
    assert logged("http://localhost/healthz?q=secret") == ("-", "GET", "http://localhost/healthz")


@pytest.mark.parametrize(
    ("allowed", "sent", "client"),
    [
        ("", "192.0.2.7", "192.0.2.7"),
        ("", "10.0.0.1, 192.0.2.7", "192.0.2.7"),
        ("", f'192.0.2.7" 200 3 0s {FORGED}', "-"),
        ("", "everybody", "-"),
        ("192.0.2.0/24", "192.0.2.7", "-"),
    ],
)
def test_the_client_is_an_address_and_from_a_proxy_that_is_known(logged, allowed, sent, client):
    assert logged("/healthz", f"X-Forwarded-For: {sent}", allowed=allowed)[0] == client


@pytest.mark.parametrize("header", ["SCRIPT_NAME", "Script-Name", "PATH_INFO", "SCRIPT_URL"])
def test_nobody_but_the_operator_says_where_the_site_hangs(servers, header):
    asked = f"GET /x/login/ HTTP/1.1\r\nHost: localhost\r\n{header}: /x\r\n".encode()
    answered = answer(send(servers("127.0.0.1")[0], asked, ENDED))
    assert answered.startswith(b"HTTP/1.1 404 Not Found")
