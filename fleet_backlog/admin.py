"""The admin's door."""

from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.decorators import method_decorator

from backlog.web.access import ADMINISTER

_OURS = ("backlog", "fleet", "remote")


class SuperusersOnly:
    """For a `ModelAdmin`: nobody else, whatever permissions an account was given."""

    def has_module_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    has_view_permission = has_change_permission = has_delete_permission = has_module_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser and super().has_add_permission(request)  # type: ignore[misc]  # the admin's beside it


class Site(AdminSite):
    """Stock admin, open to Django's staff flag and to whoever may administer the backlog.

    What is not of the backlog, accounts and their failed logins, is for superusers: who may change
    an account could make himself anything.
    """

    site_header = site_title = "Fleet Backlog"
    index_title = "Administration"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models: Any = (
            [model_or_iterable] if isinstance(model_or_iterable, type) else model_or_iterable
        )
        for model in models:
            of_model = admin_class or ModelAdmin
            if model._meta.app_label not in _OURS:
                of_model = type(of_model.__name__, (SuperusersOnly, of_model), {})
            super().register(model, of_model, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and (
            super().has_permission(request) or request.user.has_perm(ADMINISTER)
        )

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The site's one login: the admin's own page would know nothing of viewers.

        Who is logged in and may not enter is told so, instead of being sent in a circle.
        """
        if self.has_permission(request):
            return redirect(f"{self.name}:index")
        if request.user.is_authenticated:
            raise PermissionDenied(ADMINISTER)
        wanted = request.GET.get("next") or resolve_url(f"{self.name}:index")
        return redirect_to_login(wanted, resolve_url("login"))
