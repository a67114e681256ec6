"""Django closes its connection after every test that commits; here it is kept, for the next one."""

from importlib import import_module
from typing import Any

from backlog.store import storage
from tests import kept

_TIER: Any = import_module(f"{storage.from_environment().django_database()['ENGINE']}.base")


class DatabaseWrapper(_TIER.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        return kept.from_before(self.alias) or super().get_new_connection(conn_params)

    def _close(self) -> None:
        if self.connection is not None and not kept.keep(self.alias, self.connection):
            super()._close()
