"""Django's PostgreSQL backend, on connections that are as the code relies on.

`DATABASES`: `ENGINE` this package, everything else as for the stock backend.
"""

import psycopg
from django.db.backends.postgresql import base
from django.utils.asyncio import async_unsafe

from backlog.errors import ConfigurationError
from backlog.store.pins import PINNED, check_encoding, check_pinned


class DatabaseWrapper(base.DatabaseWrapper):
    """Pins what the code relies on, and lets go of a server that has become read-only.

    `READ_ONLY` in `DATABASES`: nothing is ever written there.
    """

    @async_unsafe
    def init_connection_state(self) -> None:
        """Pin, and leave the rest to Django; what cannot be used is its OperationalError."""
        try:
            check_encoding(self.connection)
            check_pinned(*self.connection.execute(f"SELECT {PINNED}").fetchone())
            if self.settings_dict.get("READ_ONLY"):
                self.connection.execute("SET default_transaction_read_only = on")
        except ConfigurationError as error:
            self.connection.close()
            self.connection = None
            raise psycopg.OperationalError(str(error)) from error
        super().init_connection_state()

    @async_unsafe
    def is_usable(self) -> bool:
        """Whether it answers, and would write: a primary that was demoted does the first only."""
        if self.connection is None:
            return False
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('transaction_read_only')")
                return bool(cursor.fetchone() == ("off",))
        except psycopg.Error:
            return False
