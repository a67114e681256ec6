"""The backlog over the wire: who may call (tokens), the HTTP API, its client, the MCP server.

Whoever uses it needs its tables, too.
"""

from backlog.watched import APPS

APPS.add("remote")
