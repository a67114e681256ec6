"""The store's own methods."""

import os
import subprocess
from pathlib import Path

import pytest

from backlog.store.embedded import Store, StoreError, binaries
from tests.embedded.children import run
from tests.embedded.conftest import Programs


def test_making_a_store_and_asking_for_its_address_touches_nothing(root: Path) -> None:
    assert Store(root).connect_params() == {
        "host": str(root / "run"),
        "port": 5432,
        "dbname": "backlog",
        "user": "backlog",
    }
    assert not root.exists()


def test_connecting_to_a_running_store_imports_nothing_that_starts_one(idle: Store) -> None:
    idle.start()
    code = """
print("psycopg" in sys.modules)
import psycopg
before = set(sys.modules)
store.connect().close()
new = set(sys.modules) - before
print(sorted(name for name in new if not name.startswith(("encodings", "psycopg"))))
print(sorted(name for name in sys.modules if name.split(".")[0] == "backlog"))
"""
    package = "backlog.store.embedded"
    parts = [package, *(f"{package}.{part}" for part in ("errors", "guard", "layout"))]
    light = ["backlog", "backlog.errors", "backlog.store", *parts]
    assert run(idle.root, code).splitlines() == ["False", "[]", str(light)]


def test_start_and_stop_say_whether_they_did_it_and_the_status_that_it_is_so(idle: Store) -> None:
    assert idle.start()
    assert not idle.start()
    running = idle.status()
    assert (running.running, running.version) == (True, "18")
    assert running.pid

    assert idle.stop()
    assert not idle.stop()
    assert (idle.status().running, idle.status().version) == (False, "18")


def test_the_status_of_a_store_that_was_never_used_makes_none(root: Path) -> None:
    status = Store(root).status()

    assert (status.running, status.pid, status.version) == (False, None, None)
    assert status.data_dir == Store(root).data_dir == root / "pg18"
    assert status.socket_dir == root / "run"
    assert (status.binaries / "postgres").exists()
    assert not Store(root).stop()
    assert not root.exists()


def test_a_stop_that_takes_too_long_says_so(idle: Store) -> None:
    idle.start()
    pid = idle.status().pid
    assert pid
    os.kill(pid, 19)
    try:
        with pytest.raises(StoreError, match=rf"\(process {pid}\) has not stopped within 0.2 s"):
            idle.stop(timeout=0.2)
    finally:
        os.kill(pid, 18)


def test_the_client_programs_reach_the_store(
    idle: Store, monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    monkeypatch.setenv("PGSERVICE", "missing")
    idle.start()
    psql, pg_dump = idle.programs() / "psql", idle.programs() / "pg_dump"
    (place / "restored").mkdir()

    who = subprocess.check_output(
        [psql, "-XAtc", "SELECT current_user"], env=idle.client_env(), text=True
    )
    dump = subprocess.check_output([pg_dump], env=idle.client_env(), text=True)

    assert who == "backlog\n"
    assert "PostgreSQL database dump complete" in dump


def test_the_override_comes_first_and_the_path_last(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = binaries.find()
    chosen = programs("#!/bin/sh\n")

    assert binaries.find() == chosen
    monkeypatch.delenv("BACKLOG_POSTGRES_BIN")
    monkeypatch.setenv("PATH", str(chosen))
    assert binaries.find() == wheel
    assert wheel.name == "bin"


def test_every_error_is_one_line() -> None:
    assert str(StoreError("one\n  two")) == "one two"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("unix_socket_permissions", "0700"),
        ("jit", "off"),
        ("lc_messages", "C"),
        ("server_encoding", "UTF8"),
        ("idle_in_transaction_session_timeout", "10min"),
    ],
)
def test_the_server_is_private_and_durable(running: Store, setting: str, value: str) -> None:
    with running.connect() as connection:
        assert connection.execute(f"SHOW {setting}").fetchone() == (value,)


def test_no_process_of_the_server_listens_on_a_port(running: Store) -> None:
    listening = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        listening |= {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
    pid = running.status().pid
    held = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}

    assert any(name.startswith("socket:") for name in held)
    assert not held & listening
