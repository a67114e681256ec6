"""Where somebody else may write: no link is followed, nothing of theirs is believed."""

import os
import shlex
import stat
from pathlib import Path

import pytest

from backlog.store.embedded import Store, StoreError, binaries
from tests.embedded.children import User
from tests.embedded.test_users import NOBODY

pytestmark = pytest.mark.deep

SECRET = "18\nthis is nobody's business\n"


@pytest.fixture
def victim(place: Path) -> Path:
    """A file of the test's own, which is to stay as it is and unread."""
    made = place / "victim"
    made.write_text(SECRET)
    return made


def planting(place: Path, victim: Path, how: str) -> Path:
    """Programs whose initdb leaves something in the new directory, as the server's account."""
    made = place / "programs"
    made.mkdir()
    real = binaries.find()
    initdb = shlex.quote(str(real / "initdb"))
    (made / "postgres").symlink_to(real / "postgres")
    plant = how.format(victim=victim)
    script = f'#!/bin/sh\n{initdb} "$@" || exit\n[ "$1" != -D ] || {{ cd "$2"; {plant}; }}\n'
    (made / "initdb").write_text(script)
    (made / "initdb").chmod(0o755)
    return made


@pytest.mark.parametrize("name", ["pg_ident.conf", "pg_hba.conf"])
@pytest.mark.parametrize("how", ["ln -sf {victim}", "ln -sf /nowhere/at/all", "rm {0}; mkfifo"])
def test_what_is_planted_while_a_store_is_made_is_not_written_through(
    root: Path, victim: Path, name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = f"{how.replace('{0}', name)} {name}"
    monkeypatch.setenv("BACKLOG_POSTGRES_BIN", str(planting(root.parent, victim, plant)))

    Store(root).connect().close()

    found = (root / "pg18" / name).lstat()
    assert stat.S_ISREG(found.st_mode)
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, (root / "pg18").stat().st_uid)
    assert victim.read_text() == SECRET


def test_a_directory_in_place_of_a_file_is_an_error(
    root: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = "rm pg_hba.conf; mkdir pg_hba.conf"
    monkeypatch.setenv("BACKLOG_POSTGRES_BIN", str(planting(root.parent, victim, plant)))

    with pytest.raises(StoreError, match=r"Is a directory"):
        Store(root).connect()


def test_a_version_that_is_a_link_is_not_read(idle: Store, victim: Path) -> None:
    version = idle.data_dir / "PG_VERSION"
    version.unlink()
    version.symlink_to(victim)

    with pytest.raises(StoreError, match="of no known version") as refusal:
        idle.start()

    assert "nobody's business" not in str(refusal.value)
    assert idle.status().version is None


@pytest.mark.parametrize("kind", ["link", "pipe", "another's"])
def test_a_process_id_that_somebody_planted_is_not_believed(
    idle: Store, victim: Path, kind: str, as_root: None
) -> None:
    planted = idle.data_dir / "postmaster.pid"
    if kind == "pipe":
        os.mkfifo(planted)
    elif kind == "link":
        planted.symlink_to(victim)
    else:
        planted.write_text(f"{os.getpid()}\n")

    assert not idle.status().running
    assert idle.start()
    assert victim.read_text() == SECRET


def test_a_log_that_is_a_link_is_not_written_through(idle: Store, victim: Path) -> None:
    (idle.root / "postgres.log").unlink()
    (idle.root / "postgres.log").symlink_to(victim)

    with pytest.raises(StoreError, match=r"postgres\.log"):
        idle.start()

    assert victim.read_text() == SECRET


@pytest.mark.parametrize("mode", [0o720, 0o770, 0o702, 0o777, 0o1777])
@pytest.mark.parametrize("name", [".", "run"])
def test_a_directory_that_others_may_write_is_refused(idle: Store, name: str, mode: int) -> None:
    directory = (idle.root / name).resolve()
    before = stat.S_IMODE(directory.stat().st_mode)
    directory.chmod(mode)

    for act in (idle.connect, idle.start, idle.stop, idle.status):
        with pytest.raises(StoreError, match=rf"Others may write.*: chmod go-w {directory}$"):
            act()

    directory.chmod(before)
    idle.connect().close()


def test_a_new_directory_that_others_may_write_is_refused(root: Path) -> None:
    root.mkdir()
    root.chmod(0o777)

    with pytest.raises(StoreError, match="chmod go-w"):
        Store(root).connect()

    assert not list(root.iterdir())


def test_a_link_to_the_store_is_followed_unless_it_is_another_s(
    idle: Store, place: Path, user: User
) -> None:
    link = place / "link"
    link.symlink_to(idle.root)
    Store(link).connect().close()

    os.lchown(link, user.uid, user.uid)

    with pytest.raises(StoreError, match=rf"{link} belongs to user id {user.uid}"):
        Store(link).connect()


def test_root_s_files_stay_root_s(idle: Store, as_root: None) -> None:
    """What the server's account owns is in its own two directories."""
    idle.start()

    theirs = {path.name for path in idle.root.iterdir() if path.lstat().st_uid == NOBODY.pw_uid}
    assert theirs == {"pg18", "run"}
