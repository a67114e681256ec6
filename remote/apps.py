from django.apps import AppConfig

import remote


class RemoteConfig(AppConfig):
    name = "remote"
    verbose_name = "Access over the wire"

    def ready(self) -> None:
        remote.join()
