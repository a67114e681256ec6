"""The pages."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from fleet_backlog.login import Login
from fleet_backlog.serving import metrics, probes

handler500 = "fleet_backlog.serving.answers.server_error"

urlpatterns = [
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("", include("remote.urls")),  # the first: what is asked for most is looked for least
    path("", include("backlog.web.urls")),
    path("", include("fleet.urls")),
    path("", include("hooks.urls")),
    path("login/", Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("favicon.ico", login_not_required(RedirectView.as_view(url=static("backlog/icon.svg")))),
    path("admin/", admin.site.urls),
]
