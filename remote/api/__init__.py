"""The HTTP API: every verb of the command that can be called, under /api/v1/."""
