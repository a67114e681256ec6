"""The project's settings, with a password hash that costs nothing."""

from fleet_backlog.settings import *  # noqa: F403 (that is what a settings module over another is)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
