"""`manage.py serve` as an operator meets it: a process, a port, an account."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from django.core.management import call_command, load_command_class

from backlog.cli.main import main
from backlog.store import storage
from backlog.store.embedded import Store
from fleet_backlog import cookies
from fleet_backlog.management.commands import serve
from fleet_backlog.serving.sweeper import Sweeping
from tests.command import MANAGE
from tests.servers import Server, wheel_programs
from tests.serving import ask as _ask
from tests.serving import reads, sweeps
from tests.serving import refused as _refused
from tests.serving import serving as _serving

pytestmark = pytest.mark.one_tier


@pytest.fixture
def fresh(store_root):
    """The environment of a store that does not exist yet."""
    return {**os.environ, "BACKLOG_DATA_DIR": str(store_root)}


@pytest.fixture
def refused_here(capsys, tmp_path, monkeypatch):
    """The status and the words of a serve in this process, which makes no store before it ends."""
    monkeypatch.setenv("BACKLOG_DATA_DIR", str(tmp_path / "store"))
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def refused(*words, **env):
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            load_command_class("fleet_backlog", "serve").run_from_argv(
                ["manage.py", "serve", *words]
            )
        out, err = capsys.readouterr()
        assert (out, list(tmp_path.iterdir())) == ("", [])
        return ended.value.code, err

    return refused


@pytest.fixture
def own_server():
    """A database server of the test's own, which may be paused."""
    started = Server(wheel_programs()).start(used=True)
    yield started
    started.stop()


# The first run ------------------------------------------------------------------------------------


def test_the_first_run_makes_an_account_and_shows_its_password_once(fresh, monkeypatch):
    with _serving(fresh) as (first, url):
        assert "Log in" in _ask(f"{url}/login/")[1]
        # The command line works beside it.
        monkeypatch.setenv("BACKLOG_DATA_DIR", fresh["BACKLOG_DATA_DIR"])
        monkeypatch.delenv("DATABASE_URL", raising=False)
        assert main(["create", "--id", "A", "--title", "A"]) == 0
        first.terminate()
        assert "password" not in first.stdout.read()
    with _serving(fresh, "--no-sweep") as (second, _):
        pass
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(re.findall(r"account operator with the password \S{12,}", first.said)) == 1
    assert "password" not in second.said


# What it cannot do --------------------------------------------------------------------------------


def test_a_database_that_is_down_is_one_line(fresh):
    env = {**fresh, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    assert "Connection refused" in _refused(env, "--bind", "127.0.0.1:0")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"DATABASE_URL": "mysql://h/d"}, "DATABASE_URL must begin with postgres://"),
        ({"BACKLOG_REPLICA_URL": "postgresql://h/d"}, "a replica of the server of DATABASE_URL"),
        (
            {"DATABASE_URL": "postgresql://h/d", "BACKLOG_REPLICA_URL": "h:s3cret@d"},
            "BACKLOG_REPLICA_URL must begin with postgres://",
        ),
    ],
)
def test_a_url_that_names_no_server_is_one_line(fresh, wrong, said):
    here = {name: value for name, value in fresh.items() if name != "DATABASE_URL"}
    line = _refused({**here, **wrong})
    assert said in line
    assert "s3cret" not in line


@pytest.mark.parametrize(
    "bind",
    ["8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", ":80", "a b:1", "::1"],
)
def test_a_bind_that_is_no_address_and_port_is_one_line(refused_here, bind):
    status, line = refused_here(f"--bind={bind}")
    assert (status, line.count("\n")) == (1, 1)
    assert "--bind must be address:port" in line


@pytest.mark.parametrize(("prefix", "path"), [(None, "/"), ("/backlog", "/backlog/")])
def test_it_says_the_address_that_the_site_answers_at(capsys, monkeypatch, settings, prefix, path):
    class Announcing:
        """A server that says that it is there, and serves nobody."""

        def __init__(self, opened, proxies, announce, **options):
            opened.close()
            self.run = lambda: announce(None)

    monkeypatch.setattr(serve, "Server", Announcing)
    monkeypatch.setattr(serve, "prepare", lambda tell: None)
    monkeypatch.setattr(serve, "address_of", lambda opened: "127.0.0.1:8002")
    settings.FORCE_SCRIPT_NAME = prefix
    call_command("serve", bind="127.0.0.1:0")
    said = f"Serving on http://127.0.0.1:8002{path} (Ctrl-C stops it)\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("bind", "reason"),
    [
        ("192.0.2.1:8000", "this machine has no such address"),
        ("no-such-host.invalid:8000", "no such address"),
    ],
)
def test_an_address_of_others_is_one_line(refused_here, bind, reason):
    status, line = refused_here("--bind", bind)
    assert (status, line.count("\n")) == (1, 1)
    assert f"cannot listen on {bind}: {reason}" in line


def test_a_port_in_use_is_one_line(fresh):
    with socket.create_server(("127.0.0.1", 0)) as other:
        bind = f"127.0.0.1:{other.getsockname()[1]}"
        line = _refused(fresh, "--bind", bind)
    assert f"cannot listen on {bind}: something listens there already; --bind takes" in line


@pytest.mark.skipif(
    os.geteuid() == 0 and not shutil.which("setpriv"), reason="root needs setpriv to be refused"
)
def test_a_privileged_port_is_one_line(fresh):
    words = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]
    done = subprocess.run(
        [*(words if os.geteuid() == 0 else []), *MANAGE, "serve", "--bind", "127.0.0.1:81"],
        env=fresh,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1:81: not permitted; a port below 1024" in done.stderr
    assert done.stderr.count("\n") == 1


def test_proxies_that_are_no_addresses_are_one_line(fresh):
    env = {**fresh, "FORWARDED_ALLOW_IPS": "proxy.example.org"}
    assert "FORWARDED_ALLOW_IPS must hold addresses" in _refused(env, "--bind", "127.0.0.1:0")


@pytest.mark.parametrize("workers", ["0", "-1", "many", "1001"])
def test_a_number_of_workers_that_is_none_is_wrong_usage(refused_here, workers):
    right = "must be a whole number between 1 and 1000"
    status, said = refused_here(f"--workers={workers}")
    assert (status, f"--workers: {right}" in said) == (2, True)
    status, said = refused_here(WEB_WORKERS=workers)
    assert (status, f"--workers: WEB_WORKERS {right}" in said) == (2, True)


# Its end ------------------------------------------------------------------------------------------


@contextmanager
def _slow_page(env, url):
    """A page that waits for a lock of ours; `answers` gets what it answers in the end."""
    answers = []

    def ask():
        with suppress(OSError):
            answers.append(_ask(f"{url}/"))

    with Store(Path(env["BACKLOG_DATA_DIR"])).connect() as connection:
        connection.execute("LOCK TABLE backlog")
        thread = Thread(target=ask)
        thread.start()
        _wait_for_lock(connection)
        yield answers
        connection.rollback()
    thread.join(30)


def _wait_for_lock(connection) -> None:
    sql = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    deadline = time.monotonic() + 20
    while not connection.execute(sql).fetchone()[0]:
        assert time.monotonic() < deadline, "the page does not wait for the table"
        time.sleep(0.02)


@pytest.fixture
def public(fresh):
    return {**fresh, "BACKLOG_PUBLIC_BOARD": "on"}


def test_a_running_request_ends_before_the_process_does(public):
    with _serving(public) as (process, url):
        with _slow_page(public, url) as answers:
            process.terminate()
            time.sleep(1)
            assert process.poll() is None
        assert answers[0][0] == 200
        assert process.wait(60) == 0


def test_a_request_that_never_ends_is_not_waited_for_longer_than_allowed(public):
    with (
        _serving(public, "--graceful-timeout", "1") as (process, url),
        _slow_page(public, url) as answers,
    ):
        process.terminate()
        assert process.wait(25) == 0
    assert answers == []


def test_ctrl_c_waits_for_no_request(public):
    for_ever = ("--graceful-timeout", "1000")
    with _serving(public, *for_ever) as (process, url), _slow_page(public, url):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


@pytest.mark.deep
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_the_processes_begin_is_quick(fresh, sig):
    for _ in range(3):
        with _serving(fresh, "--workers", "6", "--graceful-timeout", "1000") as (process, _):
            process.send_signal(sig)
            assert process.wait(60) == 0


# A database that goes away ------------------------------------------------------------------------


@pytest.mark.deep
def test_it_outlives_a_restart_of_the_database(fresh, own_server):
    env = {**fresh, "DATABASE_URL": own_server.url, "BACKLOG_PUBLIC_BOARD": "on"}
    with _serving(env, "--no-sweep", "--workers", "1") as (_, url):
        pages = [f"{url}/", f"{url}/admin/", f"{url}/readyz"]
        assert [_ask(page)[0] for page in pages] == [200] * 3
        own_server.pause()
        store = storage.Server(own_server.url).django_database()
        key = "0123456789abcdef0123456789abcdef"
        signed_in = {"Cookie": f"sessionid_{cookies.suffix(store)}={key}"}
        for page in pages:
            status, body = _ask(page, **signed_in)
            assert (status, "Traceback" in body) == (503, False), page
        assert "Not available just now" in _ask(f"{url}/", **signed_in)[1]
        page = _ask(f"{url}/admin/", **signed_in)[1]
        assert str(own_server.port) not in page, "whoever asks is told where the database is"
        assert _ask(f"{url}/healthz") == (200, "ok\n")
        own_server.resume()
        assert [_ask(page, **signed_in)[0] for page in pages] == [200] * 3


@pytest.mark.deep
def test_a_restart_between_two_requests_is_not_seen(fresh, own_server):
    env = {**fresh, "DATABASE_URL": own_server.url, "BACKLOG_PUBLIC_BOARD": "on"}
    with _serving(env, "--no-sweep", "--workers", "1", "--threads", "1") as (_, url):
        assert _ask(f"{url}/")[0] == 200
        own_server.pause()
        own_server.resume()
        assert _ask(f"{url}/")[0] == 200


@pytest.mark.deep
def test_the_embedded_store_is_started_again(fresh, public):
    with _serving(public, "--no-sweep") as (_, url):
        assert _ask(f"{url}/")[0] == 200
        Store(Path(fresh["BACKLOG_DATA_DIR"])).stop()
        assert _ask(f"{url}/")[0] == 200


# What it says, and whom it believes ---------------------------------------------------------------


# What else may be given, `test_health` asks the same reader of.
@pytest.mark.parametrize(("allowed", "status"), [("", 200), ("192.0.2.0/24", 301)])
def test_only_a_known_proxy_says_that_the_client_came_by_https(fresh, allowed, status):
    env = {**fresh, "HTTPS": "on", "FORWARDED_ALLOW_IPS": allowed}
    with _serving(env, "--no-sweep", "--workers", "1") as (_, url):
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(address, 20) as client:
            client.sendall(
                b"GET /login/ HTTP/1.1\r\nHost: localhost\r\n"
                b"X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
            )
            answer = client.makefile("rb").readline().decode()
    assert answer.split()[1] == str(status)


# Its sweeps ---------------------------------------------------------------------------------------


def _soon(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def _expired(connection) -> int:
    sql = "SELECT count(*) FROM backlog WHERE status = 'claimed'"
    return connection.execute(sql).fetchone()[0]


@pytest.mark.deep
def test_the_sweeps_are_of_the_store_that_is_served_whatever_a_client_would_ask(monkeypatch):
    environs = []
    monkeypatch.setenv("BACKLOG_URL", "https://backlog.example.org")
    monkeypatch.setattr(subprocess, "Popen", lambda words, **how: environs.append(how["env"]))
    Sweeping(15).keep()
    assert "BACKLOG_URL" not in environs[0]


def test_it_sweeps_and_starts_what_sweeps_again_if_it_dies(fresh):
    env = {**fresh, "SWEEP_SECONDS": "1"}
    with (
        _serving(env) as (process, _),
        Store(Path(env["BACKLOG_DATA_DIR"])).connect() as connection,
    ):
        connection.autocommit = True
        for _ in range(2):
            connection.execute("DELETE FROM backlog")
            connection.execute(
                "INSERT INTO backlog"
                " (id, title, status, claim_owner, claim_ttl_seconds, claimed_at)"
                " VALUES ('A', 'A', 'claimed', 'w', 1, '2020-01-01Z')"
            )
            _soon(lambda: not _expired(connection))
            (sweeping,) = sweeps(process.pid)
            os.kill(sweeping, signal.SIGKILL)
        sql = "SELECT DISTINCT actor FROM backlog_event WHERE verb = 'reclaim'"
        assert connection.execute(sql).fetchall() == [("sweep",)]


@pytest.mark.deep
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_sweeps_end_with_the_server_however_it_ends(fresh, sig):
    with _serving(fresh) as (process, _):
        _soon(lambda: sweeps(process.pid))
        (sweeping,) = sweeps(process.pid)
        process.send_signal(sig)
        process.wait(30)
        _soon(lambda: b"serving.sweeper" not in reads(Path(f"/proc/{sweeping}/cmdline")))
