from pathlib import Path

from django.apps import AppConfig

from backlog import passes, schema
from fleet.command import STEPS


class FleetConfig(AppConfig):
    name = "fleet"
    verbose_name = "Fleet"
    # What the pages' navigation lists, as `backlog.web.navigation.PAGES`.
    pages = (("roles", "Roles", "users"), ("repeats", "Repeats", "rotate-ccw"))

    def ready(self) -> None:
        """What uses its tables looks for them first; sweeps do what it has to be done."""
        schema.watch(self.name, Path(self.path) / "migrations")
        passes.STEPS.update(STEPS)
