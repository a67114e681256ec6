"""The pages of the fleet's rules."""

from django.urls import path

from fleet import views
from fleet.pages import repeats

urlpatterns = [
    path("roles/", views.roles, name="roles"),
    path("roles/<name:name>/", views.role, name="role"),
    path("repeats/", repeats.page, name="repeats"),
    path("repeats/repeat/", repeats.repeat, name="repeat"),
    path("repeats/off/", repeats.off, name="repeat_off"),
]
