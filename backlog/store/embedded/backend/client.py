"""``dbshell`` for the store."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.postgresql import client

from backlog.shown import visible
from backlog.store.embedded import Store, StoreError, drop_libpq_variables


class DatabaseClient(client.DatabaseClient):
    """Runs the store's own psql, and starts the store first."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return psql's command line and what to add to its environment. Raises StoreError."""
        args, _ = super().settings_to_cmd_args_env(settings_dict, parameters)
        store = Store(Path(settings_dict["OPTIONS"]["root"]))
        added = {name: store.client_env()[name] for name in ("PGHOST", "PGPORT", "PGUSER")}
        return [str(store.programs() / "psql"), *args[1:]], added

    def runshell(self, parameters: Iterable[str]) -> None:
        """Run psql on the store, started if need be. Raises CommandError."""
        drop_libpq_variables()
        try:
            Store(Path(self.connection.settings_dict["OPTIONS"]["root"])).start()
            super().runshell(parameters)
        except StoreError as error:
            raise CommandError(visible(str(error))) from error
