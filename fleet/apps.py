from django.apps import AppConfig

from backlog import passes
from fleet.command import STEPS


class FleetConfig(AppConfig):
    name = "fleet"
    verbose_name = "Fleet"
    # What the pages' navigation lists, as `backlog.web.navigation.PAGES`.
    pages = (
        ("roles", "Roles", "users"),
        ("repeats", "Repeats", "rotate-ccw"),
        ("north_star", "North star", "compass"),
    )

    def ready(self) -> None:
        """Sweeps do what it has to be done."""
        passes.STEPS.update(STEPS)
