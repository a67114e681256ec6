"""Any directory will do, whatever its name."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backlog.store.embedded import Store, StoreError, layout
from tests.embedded.children import User, run
from tests.embedded.conftest import Copied

pytestmark = pytest.mark.deep


def assert_works(store: Store) -> None:
    try:
        with store.connect() as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("backlog",)
        assert (store.socket_dir / ".s.PGSQL.5432").is_socket()
    finally:
        store.stop()
        home = layout.socket_home(store.root)
        if home != store.root:
            shutil.rmtree(home, ignore_errors=True)


HOSTILE = ["a b ", "100%", "%41", "it's", 'say "hi"', "a,b", "$HOME", "`id`", "$(id)", "a;b&c|d"]
HOSTILE += ["back\\slash", "žluťoučký-κόσμε-資料", "--help", "=x", "tab\there", "[pg1]*?"]
HOSTILE += [os.fsdecode(b"\xff\xfe")]  # no UTF-8


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_name_like_any_other(place: Path, copied: Copied, name: str) -> None:
    assert_works(copied(place / name))


def test_a_hostile_name_can_be_made_as_well(place: Path) -> None:
    assert_works(Store(place / "a b" / "100% $(id) `id` 'it' \"is\", ž\\ &"))


def test_a_line_break_in_the_name_is_refused(place: Path) -> None:
    with pytest.raises(StoreError, match=r"line break"):
        Store(place / "two\nlines").start()


@pytest.mark.parametrize("length", [89, 92, 93, 94, 95, 150, 250])
def test_a_path_of_any_length_has_a_socket(place: Path, copied: Copied, length: int) -> None:
    root = place / ("x" * (length - len(f"{place}//run")))
    store = copied(root)

    assert len(str(root / "run")) == length
    assert (store.socket_dir == root / "run") == (length <= layout.SOCKET_DIR_BYTES)
    assert_works(store)


def test_the_length_counts_bytes(place: Path) -> None:
    assert Store(place / ("x" * 60)).socket_dir.parent.parent == place
    assert Store(place / ("ž" * 60)).socket_dir.parent.parent == Path("/tmp")  # noqa: S108 - checked


def test_the_socket_directory_depends_on_nothing_but_root_and_user(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = place / ("x" * 100)
    before = Store(root).socket_dir
    for name in ("TMPDIR", "XDG_RUNTIME_DIR", "HOME"):
        monkeypatch.setenv(name, str(place))

    assert Store(root).socket_dir == before
    assert Store(place / ("x" * 101)).socket_dir != before


def squat_with_a_directory(home: Path, other: User) -> None:
    home.mkdir(mode=0o755)
    os.chown(home, other.uid, other.uid)


def squat_with_a_link(home: Path, other: User) -> None:
    elsewhere = home.with_name(f"{home.name}-elsewhere")
    elsewhere.mkdir()
    home.symlink_to(elsewhere)


def open_to_all(home: Path, other: User) -> None:
    home.mkdir()
    home.chmod(0o777)


@pytest.mark.parametrize("squat", [squat_with_a_directory, squat_with_a_link, open_to_all])
def test_a_squatted_socket_directory_is_refused(
    place: Path, user: User, squat: Callable[[Path, User], None]
) -> None:
    store = Store(place / ("x" * 100))
    home = store.socket_dir.parent
    try:
        squat(home, user)

        with pytest.raises(StoreError, match=str(home)):
            store.connect()
    finally:
        home.unlink() if home.is_symlink() else shutil.rmtree(home)
        shutil.rmtree(home.with_name(f"{home.name}-elsewhere"), ignore_errors=True)


def test_a_link_to_the_root_is_the_same_store(idle: Store, place: Path) -> None:
    link = place / "link"
    link.symlink_to(idle.root)
    idle.start()

    assert not Store(link).start()
    Store(link).connect().close()
    assert Store(link).stop()


def test_a_second_name_that_needs_another_socket_directory_is_refused(
    idle: Store, place: Path
) -> None:
    link = place / ("x" * 100)
    link.symlink_to(idle.root)
    idle.start()

    with pytest.raises(StoreError, match=r"another name"):
        Store(link).connect()
    assert idle.status().running


def test_a_store_can_be_moved(idle: Store, place: Path) -> None:
    with idle.connect() as connection:
        connection.execute("CREATE TABLE kept ()")
    idle.stop()
    moved = Store(idle.root.rename(place / "moved"))

    with moved.connect() as connection:
        connection.execute("SELECT FROM kept")


def test_a_relative_root_is_made_absolute(idle: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(idle.root.parent)

    assert Store(Path(idle.root.name)).socket_dir == idle.socket_dir


def test_a_file_is_not_a_root(place: Path) -> None:
    (place / "file").touch()

    with pytest.raises(StoreError, match=r"/file is not a directory"):
        Store(place / "file").connect()


def test_a_root_that_appears_is_found_from_another_directory(idle: Store) -> None:
    idle.start()

    assert run(idle.root, "os.chdir('/')\nprint(store.start())") == "False"
