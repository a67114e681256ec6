"""The operating-system account the server runs under."""

import os
import pwd
from pathlib import Path
from typing import Any, NamedTuple

from backlog.store.embedded.errors import StoreError


class Account(NamedTuple):
    """``uid`` and ``gid`` run the server; ``owner`` is the one OS user it lets in."""

    uid: int
    gid: int
    owner: str
    switched: bool  # the server runs as somebody else than this process

    def popen(self) -> dict[str, Any]:
        """Return the arguments of Popen that make a child this account."""
        if not self.switched:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, made: Path | int) -> None:
        """Give the account a directory, or an open file, that this process has just made."""
        if self.switched:
            os.chown(made, self.uid, self.gid)

    def closed_at(self, path: Path) -> Path | None:
        """Return the first existing step on the way to ``path`` that is closed to the account."""
        for step in (*reversed(path.parents), path):
            if step.exists() and not self._may_enter(step.stat()):
                return step
        return None

    def _may_enter(self, found: os.stat_result) -> bool:
        if found.st_uid == self.uid:
            return bool(found.st_mode & 0o100)
        if found.st_gid == self.gid:
            return bool(found.st_mode & 0o010)
        return bool(found.st_mode & 0o001)


def current() -> Account:
    """Return the account for this process: itself, or ``nobody`` for root, whom Postgres refuses.

    Raises StoreError when a user has no name, which PostgreSQL's ``peer`` login needs.
    """
    uid = os.geteuid()
    try:
        owner = pwd.getpwuid(uid)
        server = pwd.getpwnam("nobody") if uid == 0 else owner
    except KeyError as error:
        missing = "an account named nobody" if uid == 0 else f"user id {uid}"
        raise StoreError(
            f"/etc/passwd has no entry for {missing}, which the embedded PostgreSQL needs; "
            "add one, or set DATABASE_URL to use a server."
        ) from error
    return Account(server.pw_uid, server.pw_gid, owner.pw_name, switched=uid == 0)
