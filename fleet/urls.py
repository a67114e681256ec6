"""The pages of the fleet's rules."""

from django.urls import path

from fleet.pages import escalations, north_star, repeats, roles, signals

urlpatterns = [
    path("roles/", roles.roles, name="roles"),
    path("roles/<name:name>/", roles.role, name="role"),
    path("repeats/", repeats.page, name="repeats"),
    path("repeats/repeat/", repeats.repeat, name="repeat"),
    path("repeats/off/", repeats.off, name="repeat_off"),
    path("north-star/", north_star.page, name="north_star"),
    path("north-star/propose/", north_star.propose, name="north_star_propose"),
    path("north-star/decide/", north_star.decide, name="north_star_decide"),
    path("escalations/", escalations.page, name="escalations"),
    path("escalations/act/", escalations.act, name="act_on_escalation"),
    path("signals/", signals.page, name="signals"),
]
