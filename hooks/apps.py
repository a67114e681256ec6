from django.apps import AppConfig

import hooks


class HooksConfig(AppConfig):
    name = "hooks"
    verbose_name = "Webhooks"
    # As those of the fleet's configuration.
    pages = (("webhooks", "Webhooks", "log-out"),)

    def ready(self) -> None:
        """What the backlog does from now on, it tells others."""
        hooks.join()
