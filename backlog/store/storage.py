"""Which store the environment names, and how to connect to it.

`DATABASE_URL` selects a PostgreSQL server; else the embedded store is used, in
`BACKLOG_DATA_DIR` or the platform's user data directory.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from backlog import switches
from backlog.errors import ConfigurationError
from backlog.store.embedded import Store
from backlog.store.pins import check_encoding

if TYPE_CHECKING:
    from psycopg import Connection

# What `BACKLOG_STORE` says to the command of a worker: better no store than another one.
WITHHELD = "withheld"

_CONNECT_TIMEOUT_SECONDS = 10
# A server that went without a word (its machine lost power, a firewall forgot the connection) is
# noticed within a minute; the kernel's own patience is two hours.
_TCP = {
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 40_000,  # milliseconds
}
# Of the client. Every pooler follows it.
_ENCODING = {"client_encoding": "UTF8"}
# Of psql, pg_dump and pg_restore.
CLIENTS = {"PGCLIENTENCODING": "UTF8"}
# A statement is prepared when a connection runs it for the sixth time.
_PREPARE_AFTER = 5


class Embedded(NamedTuple):
    """The store that this host runs for its owner."""

    root: Path

    def connect(self) -> "Connection[Any]":
        """Connect in autocommit mode, starting the store if needed. Raises `StoreError`."""
        return Store(self.root).connect(autocommit=True, **_ENCODING)

    def django_database(self) -> dict[str, Any]:
        address = Store(self.root).connect_params()
        return {
            "ENGINE": "backlog.store.embedded.backend",
            "NAME": address["dbname"],
            "USER": address["user"],
            "HOST": address["host"],
            "OPTIONS": {"root": str(self.root), "prepare_threshold": _PREPARE_AFTER},
        }

    def client_env(self) -> dict[str, str]:
        """The environment in which psql and pg_dump reach this store."""
        return {**Store(self.root).client_env(), **CLIENTS}


class Server(NamedTuple):
    """A PostgreSQL server; the URL is libpq's, so every option of it (TLS, several hosts) works."""

    url: str
    # Off, because prepared statements do not survive PgBouncer's transaction mode before 1.21.
    prepare: bool = False
    called: str = "DATABASE_URL"  # where the URL was given, for who gave it

    def checked(self) -> Self:
        """Itself. Raises `ConfigurationError` if the URL is none of PostgreSQL's."""
        if self.url.startswith(("postgres://", "postgresql://")):
            return self
        given = f", not {self.url.partition(':')[0]}" if ":" in self.url else ""
        must = f"{self.called} must begin with postgres:// or postgresql://"
        raise ConfigurationError(f"{must}{given}")

    def connect(self) -> "Connection[Any]":
        """Connect in autocommit mode. Raises psycopg's errors, and `ConfigurationError`."""
        import psycopg

        connection = psycopg.connect(autocommit=True, **self._parameters())
        # Said with each BEGIN: a pooler may give every transaction another server's session.
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        try:
            check_encoding(connection)
        except ConfigurationError:
            connection.close()
            raise
        return connection

    def django_database(self) -> dict[str, Any]:
        from psycopg import IsolationLevel

        parameters = self._parameters()
        return {
            "ENGINE": "backlog.store.backend",
            "NAME": parameters.pop("dbname", ""),
            "OPTIONS": {**parameters, "isolation_level": IsolationLevel.READ_COMMITTED},
            # Cursors outside a transaction do not survive PgBouncer's transaction mode.
            "DISABLE_SERVER_SIDE_CURSORS": True,
        }

    def client_env(self) -> dict[str, str]:
        """The environment in which psql and pg_dump reach this server.

        Not their command line: other users of the host can read that, the password included.
        """
        from psycopg.pq import Conninfo

        parsed = Conninfo.parse(self.url.encode())
        given = {o.envvar.decode(): o.val.decode() for o in parsed if o.envvar and o.val}
        primary = _primary(given.get("PGHOST"), "PGTARGETSESSIONATTRS")
        return {**primary, **os.environ, **given, **CLIENTS}

    def _parameters(self) -> dict[str, Any]:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        try:
            given = conninfo_to_dict(self.url)
        except ProgrammingError as error:
            # Without what follows the colon: it may quote the password.
            reason = str(error).partition(":")[0]
            raise ConfigurationError(f"{self.called} cannot be read: {reason}") from None
        if _is_cut_in_two(str(given.get("host") or ""), str(given.get("port") or "")):
            raise ConfigurationError(
                f"{self.called} has an @ or a / in its password: write them as %40 and %2F"
            )
        return {
            "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
            "application_name": "fleet-backlog",
            "prepare_threshold": _PREPARE_AFTER if self.prepare else None,
            **_TCP,
            **_primary(given.get("host"), "target_session_attrs"),
            **given,
            **_ENCODING,
        }


def _is_cut_in_two(hosts: str, ports: str) -> bool:
    """Whether a password is taken for a host or a port, which an error would name."""
    names = [each for each in hosts.split(",") if not each.startswith("/")]
    return any("@" in each[1:] for each in names) or ports.strip("0123456789,") != ""


def _primary(hosts: Any, parameter: str) -> dict[str, str]:
    """Of several hosts, the one that can be written to, unless the environment says otherwise."""
    if "," in (hosts or "") and "PGTARGETSESSIONATTRS" not in os.environ:
        return {parameter: "read-write"}
    return {}


Storage = Embedded | Server


def from_environment(environ: Mapping[str, str] = os.environ) -> Storage:
    """The store to use. Raises `ConfigurationError`."""
    url = environ.get("DATABASE_URL", "").strip()
    if url:
        return Server(url, switches.is_on("PREPARE_STATEMENTS", environ)).checked()
    if environ.get("BACKLOG_STORE", "") not in ("", WITHHELD):
        raise ConfigurationError(f"BACKLOG_STORE must be {WITHHELD}, which `work` sets, or not set")
    if environ.get("BACKLOG_STORE"):
        raise ConfigurationError(
            "the cards are in a database whose DATABASE_URL the worker keeps from its command:"
            " start it with --pass-database"
        )
    return Embedded(_data_dir(environ.get("BACKLOG_DATA_DIR", "")))


def named(given: str, called: str) -> Embedded | Server:
    """A store by its name: a server's URL, or the directory of an embedded one.

    `called`: where it was given. Raises `ConfigurationError`.
    """
    if "://" in given:
        return Server(given, called=called).checked()
    return Embedded(_data_dir(given, called))


def replica_from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, Any] | None:
    """An entry of Django's DATABASES for the standby that pages are read from; None without one.

    Raises `ConfigurationError`.
    """
    url = environ.get("BACKLOG_REPLICA_URL", "").strip()
    if not url:
        return None
    if not isinstance(from_environment(environ), Server):
        raise ConfigurationError(
            "BACKLOG_REPLICA_URL names a replica of the server of DATABASE_URL, which is not set"
        )
    entry = Server(url, called="BACKLOG_REPLICA_URL").checked().django_database()
    # One that is away, or goes, is not waited for: there is the primary. One that was promoted is
    # no replica any more.
    quick = {"connect_timeout": 2, "tcp_user_timeout": 3000}
    entry["OPTIONS"] |= {**quick, "target_session_attrs": "standby"}
    entry["READ_ONLY"] = True  # also in the moment after it was promoted
    return entry


def _data_dir(given: str, called: str = "BACKLOG_DATA_DIR") -> Path:
    if given:
        try:
            return Path(given).expanduser().absolute()
        except RuntimeError:
            raise ConfigurationError(
                f"{called} names a home directory that does not exist: {given}"
            ) from None
    if os.name == "posix" and os.geteuid() == 0:
        return Path("/var/lib/fleet-backlog")
    from platformdirs import user_data_path

    try:
        return user_data_path("fleet-backlog", appauthor=False)
    except RuntimeError:  # no HOME, and an account that the system does not know
        raise ConfigurationError(
            f"this account has no home directory; set {called} to a directory of your own"
        ) from None
