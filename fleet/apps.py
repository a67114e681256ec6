from django.apps import AppConfig

from fleet import beside


class FleetConfig(AppConfig):
    name = "fleet"
    verbose_name = "Fleet"
    # What the pages' navigation lists, as `backlog.web.navigation.PAGES`.
    pages = (
        ("roles", "Roles", "users"),
        ("repeats", "Repeats", "rotate-ccw"),
        ("north_star", "North star", "compass"),
        ("escalations", "Escalations", "bell"),
    )
    # What the backlog's pages show of it, as `backlog.web.beside` says.
    counts = {"escalations": "fleet.verbs.escalations.unanswered"}
    on_board = {"gate": ("fleet.verbs.gate.heard", "fleet/_gate.html")}
    on_card = "fleet.pages.card.of_card"

    def ready(self) -> None:
        """What the backlog does from now on, it does for these rules, too."""
        beside.join()
