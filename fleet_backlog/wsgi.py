"""The WSGI application, for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

from fleet_backlog.serving.texts import InUtf8

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fleet_backlog.settings")

application = InUtf8(get_wsgi_application())
