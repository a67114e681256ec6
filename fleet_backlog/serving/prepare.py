"""Before anything is served: the schema, a first account, a secret key that lasts."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connections, transaction
from django.db.models import Model

from backlog import schema
from backlog.cli import sweep
from backlog.connection import DjangoSession
from backlog.errors import ConfigurationError
from backlog.store import files, storage
from backlog.store.embedded import binaries
from backlog.verbs import runs
from fleet import north_star, roles
from fleet.verbs import escalations, gate

OPERATOR = "operator"

# What an attacker who tries keys cannot get through.
_SHORTEST_KEY: Final = 32
# Of `ALLOWED_HOSTS`: names of this machine, for nobody but those who sit at it.
_OF_THIS_MACHINE: Final = {"127.0.0.1", "localhost", "[::1]"}


def prepare(say: Callable[[str], object]) -> None:
    """Bring the store up to date, and make what is missing; `say` is given lines for the operator.

    Raises `Refusal`, Django's `OperationalError`.
    """
    store = storage.from_environment()
    check_secret(store)
    schema.is_current(DjangoSession("default"))
    schema.migrate()
    if not os.environ.get("SECRET_KEY"):
        if isinstance(store, storage.Embedded):  # one that lasts, beside the data
            settings.SECRET_KEY = kept_secret(store.root / "secret-key")
        else:
            say("SECRET_KEY is not set: sessions will end with this process.")
    password = secrets.token_urlsafe(12)
    if make_operator(password):
        say(
            f"Made the account {OPERATOR} with the password {password}\n"
            "It is not shown again; manage.py changepassword operator sets another."
        )
    connections.close_all()  # none may be shared with the processes to come


# What reads a setting where it counts: in sweeps, at a click, by a verb that somebody calls.
_READ_LATER: Final[tuple[Callable[[], object], ...]] = (
    runs.default_cap,
    lambda: sweep.days(os.environ),
    escalations.patience,
    gate.patience,
    roles.roles,
    north_star.from_file,
)


def check_settings() -> None:
    """Raise `Refusal` for a setting that would be refused later, again and again. Those of Django's
    settings are read already."""
    for read in _READ_LATER:
        read()
    if isinstance(storage.from_environment(), storage.Embedded):
        binaries.find()  # a store that runs already needs them when it is started again


def check_secret(store: storage.Storage) -> None:
    """Raises `ConfigurationError` if the site is for others, and anybody might sign sessions."""
    given = os.environ.get("SECRET_KEY", "")
    is_kept = not given and isinstance(store, storage.Embedded)
    is_for_others = settings.HTTPS or not _OF_THIS_MACHINE.issuperset(settings.ALLOWED_HOSTS)
    if is_for_others and not is_kept and len(given) < _SHORTEST_KEY:
        raise ConfigurationError(
            f"SECRET_KEY must be set to {_SHORTEST_KEY} random characters or more where HTTPS or"
            " ALLOWED_HOSTS say that the site is for others, the same on every machine:"
            " python3 -c 'import secrets; print(secrets.token_urlsafe(50))' prints some"
        )


def make_operator(password: str) -> Model | None:
    """The first account, a superuser; None if there is any account already."""
    users = get_user_model()
    if users.objects.exists():  # logins need not queue behind the lock
        return None
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute(f"LOCK TABLE {users._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
        if users.objects.exists():
            return None
        return users.objects.create_superuser(OPERATOR, password=password)


def kept_secret(path: Path) -> str:
    """The secret in this file, which is made, for its owner only, if there is none.

    It has its name only when it is whole: no other process reads half of it. Raises
    `ConfigurationError`.
    """
    try:
        if not os.path.lexists(path):
            with suppress(FileExistsError), files.written_whole(path) as file:
                file.write(secrets.token_urlsafe(50).encode())
        found = files.read_own(path)
    except OSError as error:
        raise ConfigurationError(f"cannot use the key {path}: {error.strerror}") from None
    if len(found) < _SHORTEST_KEY:
        raise ConfigurationError(
            f"the key {path} is too short to be one: remove it, and serve makes another"
        )
    return found
