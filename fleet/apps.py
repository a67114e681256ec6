from pathlib import Path

from django.apps import AppConfig

from backlog import schema


class FleetConfig(AppConfig):
    name = "fleet"
    verbose_name = "Fleet"
    # What the pages' navigation lists, as `backlog.web.navigation.PAGES`.
    pages = (("roles", "Roles", "users"), ("north_star", "North star", "compass"))

    def ready(self) -> None:
        """What uses its tables looks for them first."""
        schema.watch(self.name, Path(self.path) / "migrations")
