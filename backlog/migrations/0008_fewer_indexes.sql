CREATE OR REPLACE VIEW backlog_run AS
SELECT card_id, attempt, owner, started_at::timestamptz, ended_at, outcome, summary, result, tokens,
    cost, id
FROM backlog_ended_run
UNION ALL
SELECT id, attempts, claim_owner, status_changed_at, NULL, NULL, NULL, NULL, NULL, NULL,
    9223372036854775807
FROM backlog WHERE claim_expires_at IS NOT NULL;
