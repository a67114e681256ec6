"""The verbs of the command that are about calls over the wire."""
