-- Holds: a card that is kept back until its not_before, and the rule that lets it go; or until it is
-- published. Gates and budgets of phases.

-- Whoever writes `held` only makes the database look at its clock.
CREATE FUNCTION backlog_before_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.held := NEW.draft OR coalesce(NEW.not_before > clock_timestamp(), false);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_hold BEFORE UPDATE OF not_before, held, draft ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_hold();

-- A card that is held back is a rule from when it may be let go: no draft, which time does not let go. Whoever lets cards go deletes what is
-- needed no longer, so a rule that is left over does no harm: a claim goes the longer way once.
CREATE FUNCTION backlog_after_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_rule (kind, scope, name, actor, due)
    VALUES ('hold', 'card', NEW.id, backlog_actor(), NEW.not_before)
    ON CONFLICT (kind, scope, name) DO UPDATE SET actor = excluded.actor, due = excluded.due;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_hold AFTER INSERT OR UPDATE OF not_before, held, draft ON backlog
FOR EACH ROW WHEN (NEW.held AND NOT NEW.draft) EXECUTE FUNCTION backlog_after_hold();

-- Whoever gates a phase takes this lock alone: no card comes into it unseen meanwhile.
CREATE FUNCTION backlog_lock_phase(phase text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock_shared(1650549611, -1024 - (hashtext(phase) & 1023))
$$;

-- Whether cards of this phase are gated as they come into it.
CREATE FUNCTION backlog_phase_is_gated(phase text) RETURNS boolean LANGUAGE plpgsql STABLE
SET enable_seqscan = off AS $$
BEGIN
    RETURN phase IS NOT NULL
        AND EXISTS (SELECT FROM backlog_rule WHERE (kind, scope, name) = ('gate', 'phase', phase));
END $$;

-- What an attempt has cost counts towards the budget of its phase. One that is spent is due: claims heed
-- it from then on, as a pause.
CREATE FUNCTION backlog_spend(phase text, run_tokens bigint, run_cost numeric)
RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF phase IS NULL OR num_nonnulls(run_tokens, run_cost) = 0 THEN
        RETURN;
    END IF;
    UPDATE backlog_rule SET
        spent_tokens = least(spent_tokens::numeric + coalesce(run_tokens, 0), 9223372036854775807),
        spent_cost = least(spent_cost + coalesce(run_cost, 0), 99999999999999.999999)
    WHERE (kind, scope, name) = ('budget', 'phase', phase);
END $$;

CREATE FUNCTION backlog_before_budget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.due := CASE WHEN NEW.spent_tokens >= NEW.tokens OR NEW.spent_cost >= NEW.cost
        THEN '2000-01-01 00:00:00+00'::timestamptz ELSE '9000-01-01 00:00:00+00' END;
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_budget BEFORE INSERT OR UPDATE ON backlog_rule
FOR EACH ROW WHEN (NEW.kind = 'budget') EXECUTE FUNCTION backlog_before_budget();
