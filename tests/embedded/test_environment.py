"""What the caller's environment says is no business of the server's, nor of the connection."""

import os
from pathlib import Path

import pytest

from backlog.store.embedded import Store, drop_libpq_variables, processes
from tests.embedded.children import crowd, run

pytestmark = pytest.mark.deep

CONNECT = "store.connect().close()"
MISLEADING = {
    "PGHOST": "example.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "someone",
    "PGDATABASE": "nowhere",
    "PGPASSWORD": "secret",
    "PGSERVICE": "missing",
    "PGSERVICEFILE": "/nowhere",
    "PGOPTIONS": "-c nonsense=1",
    "PGSSLMODE": "nonsense",
    "PGTZ": "Nowhere/Nowhere",
    "PGDATESTYLE": "nonsense",
    "PGREQUIREPEER": "someone",
    "PGTARGETSESSIONATTRS": "standby",
    "PGCONNECT_TIMEOUT": "nonsense",
    "PGCLIENTENCODING": "nonsense",
    "PGDATA": "/nowhere",
}


NOT_INSTALLED = {"LANG": "xx_YY.UTF-8", "LC_ALL": "xx_YY.UTF-8", "LANGUAGE": "de"}


@pytest.mark.parametrize("env", [MISLEADING, NOT_INSTALLED], ids=["libpq's", "a locale's"])
def test_variables_neither_break_nor_redirect(root: Path, env: dict[str, str]) -> None:
    run(root, f"{CONNECT}\nstore.stop()\n{CONNECT}", env=env)


@pytest.mark.parametrize("name", MISLEADING)
def test_each_of_libpq_s_variables_alone_does_no_harm(
    running: Store, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, MISLEADING[name])

    running.connect().close()


def test_other_programs_variables_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGP_KEY", "kept")
    monkeypatch.setenv("PGHOST", "dropped")

    drop_libpq_variables()

    assert os.environ["PGP_KEY"] == "kept"
    assert "PGHOST" not in os.environ


def test_processes_with_different_environments_share_one_server(place: Path, idle: Store) -> None:
    code = """
os.environ.update(XDG_RUNTIME_DIR=f"/nowhere/{os.getpid()}", TMPDIR=f"/nowhere/{os.getpid()}")
with store.connect() as connection:
    print(connection.execute("SELECT pg_postmaster_start_time()::text").fetchone())
"""
    assert len(set(crowd(idle.root, 4, code))) == 1


def test_the_server_is_told_no_secrets(idle: Store) -> None:
    run(idle.root, CONNECT, env={"DJANGO_SECRET_KEY": "hush", "HOME": "/nowhere"})

    told = Path(f"/proc/{idle.status().pid}/environ").read_bytes()
    assert b"hush" not in told
    assert b"LC_ALL=C" in told


def test_a_closed_current_directory_does_no_harm(idle: Store, place: Path) -> None:
    (place / "gone").mkdir()
    leave = f"import psycopg\nos.chdir({str(place / 'gone')!r})\nos.rmdir(os.getcwd())\n"

    run(idle.root, leave + CONNECT)


def test_without_proc_ps_knows_the_server(idle: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS."""
    monkeypatch.setattr(processes, "HAS_PROC", False)

    idle.connect().close()

    pid = idle.status().pid
    assert pid in processes.of(idle.data_dir)
    assert len(processes.of(idle.data_dir)) > 5
    assert not processes.serves(os.getpid(), idle.data_dir)
    assert idle.stop()
    assert not processes.of(idle.data_dir)
