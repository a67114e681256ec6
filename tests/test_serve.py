"""`manage.py serve` as an operator meets it: a process, a port, an account."""

import os
import re
import signal
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import pytest

from backlog.cli.main import main
from tests.conftest import MANAGE
from tests.servers import free_port

pytestmark = pytest.mark.one_tier


@pytest.fixture
def fresh(store_root):
    """The environment of a store that does not exist yet."""
    return {**os.environ, "BACKLOG_DATA_DIR": str(store_root)}


@contextmanager
def _serving(env):
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [*MANAGE, "serve", "--bind", address],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process, f"http://{address}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stdout.close()


def _read(url: str) -> str:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310 (our own server)
                return page.read().decode()
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def test_the_first_run_makes_an_account_and_later_runs_do_not(fresh):
    with _serving(fresh) as (process, url):
        assert "Log in" in _read(url)
    first = process
    with _serving(fresh) as (process, url):
        _read(url)
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
    assert first.returncode == 0
    assert "password" not in said


def test_the_password_shown_opens_the_board(fresh):
    with _serving(fresh) as (process, url):
        _read(url)
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
    assert len(re.findall(r"account operator with the password \S{12,}", said)) == 1


def test_the_command_line_works_beside_it(fresh, monkeypatch, capsys):
    with _serving(fresh) as (_, url):
        _read(url)
        monkeypatch.setenv("BACKLOG_DATA_DIR", fresh["BACKLOG_DATA_DIR"])
        monkeypatch.delenv("DATABASE_URL", raising=False)
        assert main(["create", "--id", "A", "--title", "A"]) == 0


def test_a_database_that_is_down_is_one_line(fresh):
    env = {**fresh, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = subprocess.run([*MANAGE, "serve"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert "Traceback" not in done.stderr
