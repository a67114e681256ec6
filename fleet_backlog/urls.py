"""The pages."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from backlog import views

urlpatterns = [
    path("", views.board, name="board"),
    path(
        "favicon.ico",
        login_not_required(RedirectView.as_view(url=static("backlog/icon.svg"))),
    ),
    path("admin/", admin.site.urls),
]
