"""Django's apps, where the project's differ from stock."""

from django.contrib.admin.apps import AdminConfig


class BacklogAdminConfig(AdminConfig):
    """The admin with the project's own door."""

    default_site = "fleet_backlog.admin.Site"
