"""The pages of the fleet's rules."""

from django.urls import path

from fleet import views
from fleet.pages import escalations, signals

urlpatterns = [
    path("roles/", views.roles, name="roles"),
    path("roles/<name:name>/", views.role, name="role"),
    path("escalations/", escalations.page, name="escalations"),
    path("escalations/act/", escalations.act, name="act_on_escalation"),
    path("signals/", signals.page, name="signals"),
]
