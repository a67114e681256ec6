"""The pages of the fleet's rules."""

from django.urls import path

from fleet import views

urlpatterns = [
    path("roles/", views.roles, name="roles"),
    path("roles/<name:name>/", views.role, name="role"),
]
