"""A real PostgreSQL, private to its owner, started when it is needed.

Importing this costs next to nothing, and connecting to a running store imports psycopg and no
more: what starts, stops or inspects a server is imported by the methods that need it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backlog.store.embedded import guard, layout
from backlog.store.embedded.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from backlog.store.embedded.supervisor import Status

__all__ = ["Store", "StoreError"]


class Store:
    """One root directory and the server of its data; creating the object touches nothing."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()

    @property
    def data_dir(self) -> Path:
        """The directory of the data, ``pg18`` under root; reads the disk. Raises StoreError."""
        from backlog.store.embedded import supervisor

        return supervisor.data_dir(self.root)

    @property
    def socket_dir(self) -> Path:
        return layout.socket_dir(self.root)

    def connect_params(self) -> dict[str, Any]:
        """Return what libpq needs to reach the store."""
        return {
            "host": str(self.socket_dir),
            "port": layout.PORT,
            "dbname": layout.DATABASE,
            "user": layout.ROLE,
        }

    def connect(self, **kwargs: Any) -> psycopg.Connection[Any]:
        """Return a connection, starting the store if it is down; kwargs are psycopg's.

        Waits while the server recovers or is full. Raises StoreError.
        """
        import psycopg

        params = {**self.connect_params(), **kwargs}
        return self.connecting(lambda: psycopg.connect(**params))

    def connecting[Connection](self, connect: Callable[[], Connection]) -> Connection:
        """Return ``connect()``, which is to call psycopg with ``connect_params()``.

        As ``connect`` otherwise, for those who make their connections themselves.
        """
        import psycopg

        guard.check(self.root)
        drop_libpq_variables()
        try:
            return connect()
        except psycopg.OperationalError as error:
            from backlog.store.embedded import patience

            return patience.persist(self.root, connect, error)

    def start(self) -> bool:
        """Start the store; True if this call did it, False if it ran. Raises StoreError."""
        from backlog.store.embedded import supervisor

        return supervisor.start(self.root)

    def stop(self, timeout: float = 30) -> bool:
        """Stop the store, ending its sessions; False if it did not run. Raises StoreError."""
        from backlog.store.embedded import supervisor

        return supervisor.stop(self.root, timeout)

    def status(self) -> Status:
        """Return what is known of the store without starting it. Raises StoreError."""
        from backlog.store.embedded import supervisor

        return supervisor.status(self.root)

    def programs(self) -> Path:
        """Return a directory with ``psql``, ``pg_dump`` and ``pg_restore``. Raises StoreError."""
        from backlog.store.embedded import binaries

        return binaries.programs()

    def client_env(self) -> dict[str, str]:
        """Return the environment in which those programs reach the store."""
        dropped = set(layout.libpq_variables())
        return {
            **{name: value for name, value in os.environ.items() if name not in dropped},
            "PGHOST": str(self.socket_dir),
            "PGPORT": str(layout.PORT),
            "PGUSER": layout.ROLE,
            "PGDATABASE": layout.DATABASE,
        }


def drop_libpq_variables() -> None:
    """Remove from this process what would redirect or break libpq (PGSERVICE, PGOPTIONS, PGTZ, …).

    Explicit parameters are not enough: PGSERVICE and PGTZ have none. Nothing is put back: that
    would write to the environment at every connection, while other threads' libpq may read it.
    """
    for name in layout.libpq_variables():
        os.environ.pop(name, None)
