"""Django's PostgreSQL backend, over a store that starts when it is needed.

``DATABASES``: ``ENGINE`` this package, ``NAME`` and ``USER`` "backlog", ``HOST`` the store's
``socket_dir``, ``OPTIONS["root"]`` its root directory.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.utils.asyncio import async_unsafe

from backlog.store.backend import base
from backlog.store.embedded import Store, StoreError
from backlog.store.embedded.backend.client import DatabaseClient


class DatabaseWrapper(base.DatabaseWrapper):
    """Connects through the store; everything else is the backend for servers."""

    client_class = DatabaseClient

    @cached_property
    def store(self) -> Store:
        """The store of ``OPTIONS["root"]``; raises ImproperlyConfigured without one."""
        options = self.settings_dict["OPTIONS"]
        if "root" not in options:
            raise ImproperlyConfigured('The embedded backend needs OPTIONS["root"], a directory.')
        if options.get("pool"):
            raise ImproperlyConfigured(
                'The embedded backend has no connection pool: drop OPTIONS["pool"].'
            )
        return Store(Path(options["root"]))

    def get_connection_params(self) -> dict[str, Any]:
        """Return the stock parameters, with the store's own address."""
        address = self.store.connect_params()
        params = super().get_connection_params()
        del params["root"]
        return {**params, "host": address["host"], "port": address["port"], "user": address["user"]}

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection; a StoreError becomes the OperationalError Django code expects."""
        connect = super().get_new_connection
        try:
            return self.store.connecting(lambda: connect(conn_params))
        except StoreError as error:
            raise psycopg.OperationalError(str(error)) from error
