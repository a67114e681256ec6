"""The backlog of record for a fleet of workers."""

__version__ = "0.1.0"
