"""What the command is measured against: import psycopg, connect, claim one card, print it.

Run as a script with the store's URL; it imports nothing of this project.
"""

import json
import sys

import psycopg

with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    cursor = connection.execute(
        """UPDATE backlog SET status = 'claimed', claim_owner = %s, claim_ttl_seconds = %s,
               claimed_at = clock_timestamp(), attempts = attempts + 1
           WHERE id = (SELECT id FROM backlog WHERE claimable
                       ORDER BY priority DESC, created_at, id FOR UPDATE SKIP LOCKED LIMIT 1)
           RETURNING id, title, body, phase, priority, status, depends_on, claim_owner,
               claim_ttl_seconds, claimed_at, attempts, idempotency_key, acceptance, created_at,
               updated_at""",
        ("worker", 900),
    )
    row = cursor.fetchone()
    names = [column.name for column in cursor.description or ()]
    print(
        json.dumps(row and dict(zip(names, row, strict=True)), default=str, separators=(",", ":"))
    )
