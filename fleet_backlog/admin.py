"""The admin's door."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from backlog.access import ADMINISTER


class Site(AdminSite):
    """Stock admin, open to Django's staff flag and to whoever may administer the backlog."""

    site_header = site_title = "Fleet Backlog"
    index_title = "Administration"

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and (
            super().has_permission(request) or request.user.has_perm(ADMINISTER)
        )
