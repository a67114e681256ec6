"""The names of cookies: the same in all processes of one store, others on another store."""

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

# What decides which store it is: of libpq, each of which its environment may say as well; without
# a password, which nobody is to guess by a cookie.
_NAMES: Final = ("host", "hostaddr", "port", "user", "database", "service", "options")


def suffix(database: Mapping[str, Any]) -> str:
    """Eight characters for the store of this entry of Django's DATABASES."""
    options = database["OPTIONS"]
    if root := options.get("root"):
        named = [str(Path(root).resolve())]
    else:
        given = {**options, "database": database["NAME"]}
        named = [str(given.get(n) or os.environ.get(f"PG{n.upper()}", "")) for n in _NAMES]
    return sha256(json.dumps(named).encode()).hexdigest()[:8]
