"""The backlog over the wire: who may call (tokens), the HTTP API, its client, the MCP server."""
