"""`backlog` as a client: BACKLOG_URL names a server, and the command is the same over HTTP.

Neither Django nor psycopg is imported: a start costs less than one on a database.
"""
