"""Start, stop and inspect the server of one root directory."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from backlog.store import files
from backlog.store.embedded import account, binaries, cluster, guard, layout, lock, processes
from backlog.store.embedded.account import Account
from backlog.store.embedded.errors import StoreError, from_os
from backlog.store.embedded.probe import is_down

# Crash recovery can take minutes.
START_TIMEOUT = 300.0
# The server must not be left half way while others wait for the lock.
LOCK_TIMEOUT = START_TIMEOUT + 60
LOG_LIMIT = 10 * 1024 * 1024

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(layout.PORT),
    "max_connections": "300",
    "jit": "off",
    "fsync": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A worker that hangs inside a transaction would hold its row locks for ever.
    "idle_in_transaction_session_timeout": "10min",
    # logind empties /dev/shm when a user logs out, and containers give it 64 MB.
    "dynamic_shared_memory_type": "mmap",
    # Thousands of claims a second leave as many dead entries at the head of the queue.
    "autovacuum_naptime": "10s",
    # The log is rotated at a start only: keep out what grows with use.
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_min_messages": "log",
}


@dataclass(frozen=True)
class Status:
    """What is known of a store.

    ``version`` is its data's major version, None without data; ``pid`` is None, too, when the
    server runs in another container.
    """

    running: bool
    pid: int | None
    root: Path
    data_dir: Path
    socket_dir: Path
    version: str | None
    binaries: Path


class _Server(subprocess.Popen[bytes]):
    """A child that is meant to outlive this process."""

    def __del__(self) -> None:
        """Do nothing: Popen would warn that the child still runs."""


# Kept to be reaped: a long-lived parent would otherwise collect zombies.
_started: list[_Server] = []


def data_dir(root: Path) -> Path:
    """Return the directory of the data, existing or about to. Raises StoreError."""
    existing = _clusters(root)
    return existing[-1] if existing else root / f"pg{binaries.major(binaries.find())}"


def _clusters(root: Path) -> list[Path]:
    # All of them: data of another major version must be noticed, not passed by.
    return sorted(root.glob("pg[1-9][0-9]"))


def status(root: Path) -> Status:
    """Return what is known without starting anything. Raises StoreError."""
    with _explained(f"look at the store in {root}"):
        guard.check(root)
        data = data_dir(root)
        running = processes.postmaster(data)
        return Status(
            running=running is not None or not is_down(layout.socket_file(root)),
            pid=running.pid if running else None,
            root=root,
            data_dir=data,
            socket_dir=layout.socket_dir(root),
            version=_version(data),
            binaries=binaries.find(),
        )


def stop(root: Path, timeout: float) -> bool:
    """Shut the server down, ending its sessions; False if none ran. Raises StoreError."""
    with _explained(f"stop the store in {root}"):
        guard.check(root)
        if not root.exists():
            return False
        with lock.held(root, LOCK_TIMEOUT):
            running = [data for data in _clusters(root) if processes.postmaster(data)]
            for data in running:
                _end(data, timeout)
            if not running:
                _require_down(root)
            return bool(running)


def _require_down(root: Path) -> None:
    """Raise StoreError if something answers that is no process of ours."""
    deadline = time.monotonic() + 2  # a server that was just killed may take a moment
    while not is_down(layout.socket_file(root)):
        if time.monotonic() > deadline:
            raise StoreError(
                f"The server of {root} is not among the processes this one can see; stop it "
                "where it was started, as in another container."
            )
        time.sleep(0.01)


def start(root: Path) -> bool:
    """Make the store if need be and start it; False if it ran already. Raises StoreError."""
    with _explained(f"start the store in {root}"):
        if "\n" in str(root):
            raise StoreError(f"{root} has a line break in its name, which PostgreSQL cannot hold.")
        guard.check(root)
        who = account.current()
        _require_open(root.parent, root, who)
        with suppress(FileExistsError):  # the guard says what is there instead
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        guard.check(root)
        with lock.held(root, LOCK_TIMEOUT):
            if _is_up(root):
                return False
            _start(root, who)
            return True


def _require_open(path: Path, root: Path, who: Account) -> None:
    """Raise StoreError unless the server's account can get to ``path``."""
    if who.switched and (closed := who.closed_at(path.resolve())):
        raise StoreError(
            f"{closed} is closed to the account nobody, under which PostgreSQL runs for root, so "
            f"{root} cannot be used; set BACKLOG_DATA_DIR to a place like /var/lib/fleet-backlog."
        )


def _is_up(root: Path) -> bool:
    """Say whether a live server can be reached; end one that has lost its socket."""
    for data in _clusters(root):
        running = _settled(data, time.monotonic() + START_TIMEOUT)
        if running is None:
            continue
        if not is_down(layout.socket_file(root)):
            return True
        if running.socket_dir != str(layout.socket_dir(root)):
            raise StoreError(
                f"The server of {root} listens in {running.socket_dir}: it was started by hand, or "
                "under another name of that directory; stop it first, or use that name."
            )
        _end(data, timeout=30)
    # It may run in another container, which shares the directory and no process ids.
    return not is_down(layout.socket_file(root))


def _settled(data: Path, deadline: float) -> processes.Postmaster | None:
    """Wait while the server starts or stops; return it if it then runs, else None."""
    while running := processes.postmaster(data):
        if running.status in {"ready", "standby"}:
            return running
        if time.monotonic() > deadline:
            raise StoreError(
                f"The server of {data} has been {running.status} for {START_TIMEOUT:.0f} s; "
                f"its log, {layout.log_file(data.parent)}, may say why."
            )
        time.sleep(0.005)
    return None


def _start(root: Path, who: Account) -> None:
    _open_up(root, who)
    for data in _clusters(root):
        processes.end_orphans(data)
    with lock.claimed(root) as claim:
        _require_empty(layout.socket_dir(root))
        programs = binaries.reachable(root, who)
        data = _prepared(root, programs, who)
        _clear_stale(root, data)
        _make_socket_dir(root, who)
        log_from = _rotate_log(root)
        server = _launch(root, data, programs, who, claim)
    _wait_until_ready(root, data, server, log_from)


def _open_up(root: Path, who: Account) -> None:
    """Let the server's account pass through root to its data. Raises StoreError."""
    if {entry.name for entry in root.iterdir()} <= {"lock"}:
        # New, or made for us: there is nothing in it yet that this could expose.
        root.chmod(0o711 if who.switched else 0o700)
    _require_open(root, root, who)


def _prepared(root: Path, programs: Path, who: Account) -> Path:
    """Return a data directory of the programs' own version, made if there is none."""
    cluster.remove_unfinished(root)
    major = binaries.major(programs, **who.popen())
    existing = _clusters(root)
    data = existing[-1] if existing else root / f"pg{major}"
    if not existing:
        cluster.create(data, programs, who)
    found = _version(data)
    if found != major:
        raise StoreError(
            f"{data} holds data of PostgreSQL {found or 'of no known version'}, {programs} is "
            f"version {major}; nothing was changed: set {binaries.OVERRIDE} to programs of the "
            "data's version, dump with them, and restore into a new directory."
        )
    return data


def _version(data: Path) -> str | None:
    try:
        return files.read_of(data.stat().st_uid, data / "PG_VERSION").strip()
    except OSError:
        return None


def _clear_stale(root: Path, data: Path) -> None:
    """Remove what a dead server left in the way of the next one."""
    if processes.postmaster(data):
        return  # a killed starter's, just now: it wins over the one we launch
    stale = data / "postmaster.pid"
    with suppress(FileNotFoundError):
        stale.rename(stale.with_suffix(".pid.stale"))
    socket = layout.socket_file(root)
    socket.with_name(f"{socket.name}.lock").unlink(missing_ok=True)


def _require_empty(directory: Path) -> None:
    """The server gets the directory; somebody's own of that name is refused. Raises StoreError."""
    for found in directory.iterdir() if directory.is_dir() else ():
        if not found.name.startswith(".s.PGSQL."):
            raise StoreError(
                f"{directory} is not for a server alone, {found.name} is in it; "
                "set BACKLOG_DATA_DIR to a directory of its own."
            )


def _make_socket_dir(root: Path, who: Account) -> None:
    home, directory = layout.socket_home(root), layout.socket_dir(root)
    if home != root:
        home.mkdir(mode=0o700, exist_ok=True)
        guard.check(root)
        home.chmod(0o711 if who.switched else 0o700)
    directory.mkdir(mode=0o700, exist_ok=True)
    who.own(directory)


def _rotate_log(root: Path) -> int:
    """Set a long log aside, one at most; return where the next lines will begin."""
    log = layout.log_file(root)
    size = log.stat().st_size if log.exists() else 0
    if size < LOG_LIMIT:
        return size
    log.replace(log.with_suffix(".log.1"))
    return 0


def _launch(root: Path, data: Path, programs: Path, who: Account, claim: int) -> _Server:
    own = {
        "unix_socket_directories": str(layout.socket_dir(root)),
        "cluster_name": processes.tag(data),
    }
    # On the command line, so that a new release changes them for data that exists.
    options = [part for item in {**SETTINGS, **own}.items() for part in ("-c", "=".join(item))]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    log = os.open(layout.log_file(root), flags, 0o600)
    try:
        server = _Server(
            [str(programs / "postgres"), "-D", str(data), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[claim],
            cwd=data,
            env=cluster.server_environment(),
            start_new_session=True,  # a Ctrl-C for the caller is none for the server
            **who.popen(),
        )
    finally:
        os.close(log)
    _reap()
    _started.append(server)
    return server


def _wait_until_ready(root: Path, data: Path, server: _Server, log_from: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        # Asked first: a server that is gone by then cannot have become ready since.
        ended = server.poll()
        if _settled(data, deadline):
            return
        if ended is not None:
            raise StoreError(
                f"PostgreSQL did not start on {data}: {_last_words(root, log_from)} "
                f"(exit status {ended}, log {layout.log_file(root)})."
            )
        if time.monotonic() > deadline:
            raise StoreError(f"PostgreSQL has done nothing on {data} for {START_TIMEOUT:.0f} s.")
        time.sleep(0.005)


def _last_words(root: Path, log_from: int) -> str:
    """Return the line of the log that says why the server ended."""
    with layout.log_file(root).open("rb") as log:
        log.seek(log_from)
        lines = log.read(65536).decode(errors="replace").strip().splitlines()
    fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
    return (fatal or lines or ["it wrote no log"])[-1]


def _end(data: Path, timeout: float) -> None:
    running = processes.postmaster(data)
    if running and not processes.end(running.pid, data, signal.SIGINT, timeout):
        raise StoreError(
            f"The server of {data} (process {running.pid}) has not stopped within {timeout:g} s; "
            "it is still shutting down: wait, and try again."
        )
    _reap()


def _reap() -> None:
    _started[:] = [server for server in _started if server.poll() is None]


@contextmanager
def _explained(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise from_os(error, doing) from error
