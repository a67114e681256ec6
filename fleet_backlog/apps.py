"""Django's apps, where the project's differ from stock."""

from django.contrib.admin import apps


class BacklogAdminConfig(apps.AdminConfig):
    """The admin with the project's own door."""

    default = False  # it is the admin's, not this package's
    default_site = "fleet_backlog.admin.Site"
