"""The project's settings, with a password hash that costs nothing and a `flush` that is quick."""

from fleet_backlog.settings import *  # noqa: F403 (that is what a settings module over another is)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS += ["tests"]  # noqa: F405 (the same)
