from django.apps import AppConfig

from remote import beside


class RemoteConfig(AppConfig):
    name = "remote"
    verbose_name = "Access over the wire"

    def ready(self) -> None:
        beside.join()
