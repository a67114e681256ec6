"""The project's settings, with a password hash that costs nothing and a `flush` that is quick."""

from fleet_backlog.settings import *  # noqa: F403 (that is what a settings module over another is)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS += ["tests"]  # noqa: F405 (the same)
# Each of Django's clients makes the middleware anew; this one is not to list all files each time.
WHITENOISE_AUTOREFRESH = True
