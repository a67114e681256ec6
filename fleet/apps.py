from importlib import import_module
from pathlib import Path

from django.apps import AppConfig

from backlog import schema
from backlog.verbs import rights
from fleet.rights import guard


class FleetConfig(AppConfig):
    name = "fleet"
    verbose_name = "Fleet"
    # What the pages' navigation lists, as `backlog.web.navigation.PAGES`.
    pages = (("roles", "Roles", "users"),)

    def ready(self) -> None:
        """What uses its tables looks for them first; who may do what is asked of it."""
        schema.watch(self.name, Path(self.path) / "migrations")
        rights.guard = guard
        import_module("fleet.verbs.unserved")
