"""Make the data directory: whole or not at all."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from backlog.store import files
from backlog.store.embedded import layout, processes
from backlog.store.embedded.account import Account
from backlog.store.embedded.errors import StoreError

_UNFINISHED = "init-"


def server_environment() -> dict[str, str]:
    """Return the environment of the server's programs: no PG*, no locale, none of our secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def create(data_dir: Path, programs: Path, account: Account) -> None:
    """Make a cluster and its database at ``data_dir``; the caller holds the lock.

    Raises StoreError, or OSError, and leaves nothing behind.
    """
    work = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=data_dir.parent))
    try:
        account.own(work)
        _initdb(work, programs, account)
        _restrict(work, account)
        _create_database(work, programs, account)
        _run([str(programs / "initdb"), "--sync-only", "-D", str(work)], work, account)
        work.rename(data_dir)
        _sync(data_dir.parent)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def remove_unfinished(root: Path) -> None:
    """Remove what a killed ``create`` left; the caller holds the lock."""
    for work in root.glob(f"{_UNFINISHED}*"):
        processes.end_orphans(work)
        shutil.rmtree(work, ignore_errors=True)


def _initdb(work: Path, programs: Path, account: Account) -> None:
    options = ["-U", layout.ROLE, "-A", "peer", "--locale=C", "--encoding=UTF8", "--data-checksums"]
    # Synced once, at the end.
    quick = ["--no-sync", "--no-instructions"]
    _run([str(programs / "initdb"), "-D", str(work), *options, *quick], work, account)


def _restrict(work: Path, account: Account) -> None:
    """Let in one operating-system user, over the socket, as the one role.

    For root the directory is the account's by now, whose other processes may have put links there.
    """
    for name, line in (
        ("pg_hba.conf", "local all all peer map=owner\n"),
        ("pg_ident.conf", f'owner "{account.owner}" {layout.ROLE}\n'),
    ):
        files.write_anew(work / name, line, account.own)


def _create_database(work: Path, programs: Path, account: Account) -> None:
    options = ["--single", "-D", str(work), "-F", "-c", "exit_on_error=on"]
    statement = f"CREATE DATABASE {layout.DATABASE}\n"
    _run([str(programs / "postgres"), *options, "postgres"], work, account, statement)


def _run(command: list[str], work: Path, account: Account, text: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - our own argv, no shell
        command,
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd=work,
        env=server_environment(),
        **account.popen(),
    )
    if done.returncode:
        said = [line for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
        reason = next((line for line in said if "FATAL" in line or "error:" in line), "")
        name = Path(command[0]).name
        raise StoreError(
            f"{name} could not make the database in {work.parent}: "
            f"{reason or (said or ['it said nothing'])[-1]} (exit status {done.returncode})."
        )


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
