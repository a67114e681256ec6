"""The pages."""

from django.contrib import admin
from django.urls import path

from backlog import views

urlpatterns = [
    path("", views.board, name="board"),
    path("admin/", admin.site.urls),
]
