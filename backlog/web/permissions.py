"""What an account may do, asked in one query: an open board asks every two seconds."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import Q


class OneQueryBackend(ModelBackend):
    """Django's own accounts, groups and permissions."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Names as `app.codename`; those of the account and of its groups."""
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if not hasattr(user_obj, "_perm_cache"):
            held = Permission.objects.order_by()
            if not user_obj.is_superuser:
                held = held.filter(Q(user=user_obj) | Q(group__user=user_obj))
            names = held.values_list("content_type__app_label", "codename")
            user_obj._perm_cache = {f"{app}.{codename}" for app, codename in names}
        kept: set[str] = user_obj._perm_cache
        return kept
