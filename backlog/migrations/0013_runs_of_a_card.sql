CREATE OR REPLACE VIEW backlog_run AS
SELECT card_id, attempt, owner, started_at::timestamptz, ended_at::timestamptz, outcome,
    summary::text, result::jsonb, tokens::bigint, cost::numeric, id
FROM backlog_ended_run
UNION ALL
SELECT id::text, attempts::integer, claim_owner::text, status_changed_at::timestamptz, NULL, NULL,
    NULL, NULL, NULL, NULL, 9223372036854775807
FROM backlog WHERE claim_expires_at IS NOT NULL;
