"""Files that hold secrets: the key, archives, the access log."""

import os
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from backlog.errors import ConfigurationError
from backlog.store import files, storage
from fleet_backlog.serving.prepare import check_secret, kept_secret
from tests.command import On, unavailable
from tests.serving import ask, refused, serving
from tests.worker import until

pytestmark = pytest.mark.one_tier

KEY = "k" * 50
SERVER = storage.Server("postgresql://127.0.0.1/none")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# The key ------------------------------------------------------------------------------------------


def _link(path: Path) -> None:
    (path.parent / "elsewhere").write_text(KEY)
    (path.parent / "elsewhere").chmod(0o600)
    path.symlink_to(path.parent / "elsewhere")


def _anothers(path: Path) -> None:
    path.write_text(KEY)
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, 1, 1)
    else:
        path.chmod(0o644)


def _with_mode(mode: int):
    def plant(path: Path) -> None:
        path.write_text(KEY)
        path.chmod(mode)

    return plant


PLANTED = {
    "a link": _link,
    "a link to nowhere": lambda path: path.symlink_to("/nowhere/at/all"),
    "another's file": _anothers,
    "a pipe": os.mkfifo,
    "a directory": Path.mkdir,
    "readable by others": _with_mode(0o604),
    "writable by the group": _with_mode(0o620),
    "empty": lambda path: path.touch(0o600),
    "too short": lambda path: (path.touch(0o600), path.write_text("x")),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_key_that_may_be_another_s_is_refused_and_left_alone(tmp_path, plant):
    path = tmp_path / "secret-key"
    plant(path)
    before = path.lstat()
    with pytest.raises(ConfigurationError, match=f"key {path}"):
        kept_secret(path)
    assert os.path.samestat(path.lstat(), before)


def test_a_key_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "secret-key"
    made = kept_secret(path)
    assert (kept_secret(path), mode(path), len(made) >= 50) == (made, 0o600, True)


def test_processes_that_make_the_key_at_once_have_the_same(tmp_path):
    path = tmp_path / "secret-key"
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: kept_secret(path), range(64)))
    assert keys == {path.read_text()}
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_not_written_whole_gets_no_name(tmp_path):
    with suppress(ZeroDivisionError), files.written_whole(tmp_path / "file") as file:
        file.write(b"half of it")
        assert not (tmp_path / "file").exists()
        assert [mode(path) for path in tmp_path.iterdir()] == [0o600]
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_where_there_are_no_hard_links_nothing_is_replaced_either(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for expected in (b"first", b"second"):
        try:
            with files.written_whole(tmp_path / "file") as file:
                file.write(expected)
        except FileExistsError:
            assert expected == b"second"
    assert (tmp_path / "file").read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1


def test_serve_says_what_is_wrong_with_the_key(store_root):
    (store_root / "secret-key").write_text(KEY)
    (store_root / "secret-key").chmod(0o644)
    line = refused({**os.environ, "BACKLOG_DATA_DIR": str(store_root)}, "--bind", "127.0.0.1:0")
    assert f"chmod 600 {store_root}/secret-key" in line


OTHERS = [{"HTTPS": True}, {"ALLOWED_HOSTS": ["localhost", "backlog.example.org"]}]


@pytest.mark.parametrize("said", OTHERS, ids=["HTTPS", "a host of its own"])
@pytest.mark.parametrize("key", ["", "CHANGE-ME"])
def test_a_site_for_others_is_not_served_without_a_secret(settings, monkeypatch, said, key):
    monkeypatch.setenv("SECRET_KEY", key)
    for name, value in said.items():
        setattr(settings, name, value)
    with pytest.raises(ConfigurationError, match="SECRET_KEY must be set to 32 random characters"):
        check_secret(SERVER)
    monkeypatch.setenv("SECRET_KEY", KEY)
    check_secret(SERVER)


def test_a_site_for_this_machine_or_with_a_key_that_is_kept_needs_none(settings, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    settings.ALLOWED_HOSTS = ["localhost", "[::1]"]
    check_secret(SERVER)
    settings.HTTPS = True
    check_secret(storage.Embedded(Path("store")))


def test_serve_says_so_before_it_looks_for_the_database():
    env = {**os.environ, "DATABASE_URL": "postgresql://127.0.0.1:1/none", "HTTPS": "on"}
    assert "SECRET_KEY must be set" in refused(env, "--bind", "127.0.0.1:0")


# Archives -----------------------------------------------------------------------------------------


@pytest.fixture
def on(store_root):
    return On(BACKLOG_DATA_DIR=str(store_root))


def test_an_archive_is_its_owner_s_only(on, tmp_path):
    assert on("store", "dump", str(tmp_path / "archive"), umask=0o000).status == 0
    assert mode(tmp_path / "archive") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


@pytest.mark.parametrize("name", ["archive.part", ".archive.part", "archive.tmp"])
def test_a_name_that_can_be_guessed_is_not_written_to(on, tmp_path, name):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / name).symlink_to(tmp_path / "mine")
    assert on("store", "dump", str(tmp_path / "archive")).status == 0
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / name).is_symlink()


@pytest.mark.parametrize("target", ["mine", "nothing"])
def test_an_archive_is_not_written_through_a_link(on, tmp_path, target):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "archive").symlink_to(tmp_path / target)
    line = unavailable(on("store", "dump", str(tmp_path / "archive")), status=2)
    assert "exists already" in line
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "nothing").exists()


# The access log -----------------------------------------------------------------------------------


@pytest.fixture
def env(store_root):
    return {**os.environ, "BACKLOG_DATA_DIR": str(store_root)}


def test_an_access_log_is_its_owner_s_only_also_after_it_was_rotated(env, tmp_path):
    log = tmp_path / "access.log"
    with serving(env, "--no-sweep", "--access-log", str(log), umask=0o000) as (process, url):
        assert ask(f"{url}/healthz")[0] == 200
        log.rename(tmp_path / "access.log.1")
        process.send_signal(signal.SIGUSR1)
        until(lambda: log.exists() or ask(f"{url}/healthz") is None)
        assert mode(tmp_path / "access.log.1") == mode(log) == 0o600


@pytest.mark.parametrize("target", ["mine", "nothing"])
def test_an_access_log_is_not_written_through_a_link(env, tmp_path, target):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "access.log").symlink_to(tmp_path / target)
    log = str(tmp_path / "access.log")
    assert f"cannot log to {log}: it is a link" in refused(
        env, "--bind=127.0.0.1:0", "--access-log", log
    )
    assert (tmp_path / "mine").read_text() == "mine"


def test_an_access_log_that_cannot_be_written_is_one_line(env, tmp_path):
    log = str(tmp_path / "none/access.log")
    assert f"cannot log to {log}: No such file" in refused(
        env, "--bind=127.0.0.1:0", "--access-log", log
    )
