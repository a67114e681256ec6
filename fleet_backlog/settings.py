"""The environment as constants. Every variable is in the README's table."""

import re
import secrets
from datetime import timedelta
from pathlib import Path

from django.utils.csp import CSP

from backlog import json_logs
from fleet_backlog import cookies
from fleet_backlog.environment import Environment, databases

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()

DEBUG = env.bool("DEBUG", default=False)
# Without a key of its own the process makes one: sessions then end with it. `serve` keeps one.
SECRET_KEY = env.str("SECRET_KEY", default="") or secrets.token_urlsafe(50)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "fleet_backlog.apps.BacklogAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "remote",  # each gives more verbs to the command of those after it
    "hooks",
    "fleet",
    "backlog",
    "fleet_backlog",
]

MIDDLEWARE = [
    "fleet_backlog.serving.latency.LatencyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "fleet_backlog.serving.answers.PermissionsPolicyMiddleware",
    "remote.api.middleware.CallMiddleware",
    "fleet_backlog.serving.assets.AssetsMiddleware",
    "backlog.web.middleware.UnchangedPollMiddleware",
    "backlog.web.middleware.ReachableMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "fleet_backlog.login.LoginRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "backlog.web.middleware.ActorMiddleware",
    "backlog.web.middleware.RefusalMiddleware",
    "fleet_backlog.replica.ReplicaMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "fleet_backlog.urls"
# Where the site is not the root of its host. Addresses of files are made before the first request.
FORCE_SCRIPT_NAME = env.path_prefix("SCRIPT_NAME") or None
WSGI_APPLICATION = "fleet_backlog.wsgi.application"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "board"
LOGOUT_REDIRECT_URL = "board"
CSRF_FAILURE_VIEW = "fleet_backlog.login.csrf_failure"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "backlog.web.navigation.pages",
            ]
        },
    }
]

FORM_RENDERER = "backlog.web.labels.Renderer"

DATABASES = databases(env)
# Pages are read from a replica that is no further behind than so many seconds.
DATABASE_ROUTERS = ["fleet_backlog.replica.Router"] if "replica" in DATABASES else []
BACKLOG_REPLICA_LAG = env.float("BACKLOG_REPLICA_LAG", default=5.0)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "backlog.web.permissions.OneQueryBackend",
]
# Ten failures of one account from one address, and that pair waits a quarter of an hour.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
# Which address that is behind a proxy, and when the proxy is believed, is said there.
AXES_CLIENT_IP_CALLABLE = "fleet_backlog.serving.proxies.address"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# A description of a megabyte, three bytes a character once it is a form's.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

STATIC_URL = "static/"
# Served from the packages themselves: there is nothing to collect first.
WHITENOISE_USE_FINDERS = True

# HTTPS: off unless the environment says that the site is served so.
HTTPS = env.bool("HTTPS", default=False)
SECURE_SSL_REDIRECT = HTTPS
# A week without a login at most. Scripts cannot read it, other sites cannot post with it: Django's
# defaults. Reading a page writes nothing: two rows are read, the session and its account.
SESSION_COOKIE_AGE = 7 * 24 * 60 * 60
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
# Another program of the same host is sent neither.
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = f"{FORCE_SCRIPT_NAME or ''}/"
# Cookies know hosts, not ports: those of another store on this host have other names. Messages
# would be a third cookie; they are in the session.
SESSION_COOKIE_NAME = f"sessionid_{cookies.suffix(DATABASES['default'])}"
CSRF_COOKIE_NAME = f"csrftoken_{cookies.suffix(DATABASES['default'])}"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
# Probes come from inside, past the proxy, and so does who reads the figures.
_BELOW = re.escape(f"{FORCE_SCRIPT_NAME}/"[1:]) if FORCE_SCRIPT_NAME else ""
SECURE_REDIRECT_EXEMPT = [f"^{_BELOW}{page}$" for page in ("healthz", "readyz", "metrics")]
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "manifest-src": [CSP.SELF],
}

# Anybody may read the board; changing anything still needs an account.
BACKLOG_PUBLIC_BOARD = env.bool("BACKLOG_PUBLIC_BOARD", default=False)
# Seconds between two looks of an open board at what has changed.
BACKLOG_POLL_SECONDS = env.float("BACKLOG_POLL_SECONDS", default=2.0)
# Seconds after which an open page gives up an answer, and says that it is not up to date.
BACKLOG_PATIENCE_SECONDS = 30

# Who reads /metrics: what they show, where they come from. Nobody, unless one is set.
BACKLOG_METRICS_TOKEN = env.secret("BACKLOG_METRICS_TOKEN")
BACKLOG_METRICS_FROM = env.networks("BACKLOG_METRICS_FROM")

BACKLOG_LOGS = env.one_of("BACKLOG_LOGS", json_logs.FORMS)

# Read where they count, but told now if they are wrong: else each sweep would fail, and each
# delivery of a webhook until it is dead.
BACKLOG_ENFORCE_ROLES = env.bool("BACKLOG_ENFORCE_ROLES", default=False)
BACKLOG_WEBHOOKS_PRIVATE = env.bool("BACKLOG_WEBHOOKS_PRIVATE", default=False)

# Django would mail errors and print nothing.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": f"backlog.{'json_logs' if BACKLOG_LOGS == 'json' else 'logs'}.Formatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
        "nowhere": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # Anybody can ask for another host: that is answered with 400, and worth no traceback.
        "django.security.DisallowedHost": {"handlers": ["nowhere"], "propagate": False},
    },
}
