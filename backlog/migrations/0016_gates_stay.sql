-- A card that was done comes back: it starts over, and into the gate that its phase may have by now.
CREATE FUNCTION backlog_reopened(card backlog) RETURNS backlog LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_judge_anew(card);
    PERFORM backlog_lock_phase(card.phase);
    card.gated := card.gated OR backlog_phase_is_gated(card.phase);
    RETURN card;
END $$;

-- To claimed: a claim, a renewal of it, or a claim that is taken away.
CREATE OR REPLACE FUNCTION backlog_before_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    -- As claims go, it is claimable and was not held back: one expression, and no more.
    IF NOT OLD.claimable OR NEW.not_before IS NOT NULL THEN
        IF OLD.status = 'claimed' THEN
            IF NEW.claim_owner = OLD.claim_owner AND NEW.attempts = OLD.attempts THEN
                RETURN NEW;  -- renewed: the same claim, and no change of the card
            END IF;
            -- Taken away, by a writer that asked nobody. The next attempt inherits no renewal.
            PERFORM backlog_end_run(OLD, 'claimed', clock_timestamp(), NULL);
            IF NEW.claimed_at = OLD.claimed_at THEN
                NEW.claimed_at := clock_timestamp();
                NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
            END IF;
        END IF;
        NEW.not_before := NULL;
        NEW.held := false;
        NEW.draft := false;
        NEW.resolution := NULL;
        NEW.archived_at := NULL;
        IF OLD.status = 'done' THEN
            NEW := backlog_reopened(NEW);
        END IF;
    END IF;
    -- At the bound of the constraint the counter stays; the card is claimed all the same.
    NEW.attempts := least(greatest(NEW.attempts, OLD.attempts + 1), 2000000000);
    NEW.updated_at := clock_timestamp();
    NEW.status_changed_at := coalesce(NEW.claimed_at, NEW.updated_at);
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt)
    VALUES (NEW.id, NEW.updated_at, coalesce(NEW.claim_owner, ''), 'claim', OLD.status, 'claimed',
        NEW.attempts);
    RETURN NEW;
END $$;

-- To another status, or within it.
CREATE OR REPLACE FUNCTION backlog_before_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    report jsonb;
    outcome text;
BEGIN
    NEW.updated_at := clock_timestamp();
    NEW.claim_expires_at := NULL;
    -- A completion as the verbs make it, of which nothing is said, in as few expressions as it
    -- takes: PL/pgSQL makes each ready anew in every transaction, at about a microsecond.
    IF OLD.status = 'claimed' AND NEW.status = 'done' AND NEW.attempts = OLD.attempts AND NOT NEW.gated
            AND num_nulls(NEW.claim_owner, NEW.claim_ttl_seconds, NEW.claimed_at) = 3
            AND coalesce(current_setting('backlog.report', true), '') = '' THEN
        NEW.status_changed_at := NEW.updated_at;
        WITH run AS (
            INSERT INTO backlog_ended_run (card_id, attempt, owner, started_at, ended_at, outcome)
            VALUES (OLD.id, OLD.attempts, OLD.claim_owner, OLD.status_changed_at, NEW.updated_at,
                'completed')
        )
        INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
        VALUES (OLD.id, NEW.updated_at, backlog_actor(), 'complete', 'claimed', 'done', OLD.attempts,
            'held by ' || OLD.claim_owner);
        RETURN NEW;
    END IF;
    IF OLD.status = 'claimed' THEN
        NEW.claim_owner := NULL;
        NEW.claim_ttl_seconds := NULL;
        NEW.claimed_at := NULL;
    END IF;
    IF NEW.status = OLD.status THEN
        PERFORM backlog_event_recount(OLD, NEW);
        RETURN NEW;
    END IF;
    NEW.status_changed_at := NEW.updated_at;
    report := backlog_report(NEW.id);
    IF OLD.status = 'claimed' OR NEW.status = 'done' AND NEW.resolution IS NULL THEN
        outcome := backlog_end_run(OLD, NEW.status, NEW.updated_at, report);
    END IF;
    IF NEW.status = 'done' AND NEW.gated AND NEW.resolution IS NULL THEN
        NEW := backlog_judged(OLD, NEW);
    ELSIF OLD.status = 'done' THEN
        NEW.resolution := NULL;
        NEW.archived_at := NULL;
        NEW := backlog_reopened(NEW);
    END IF;
    IF NEW.status = 'ready' AND OLD.status = 'claimed' THEN
        NEW := backlog_given_back(NEW, report);
    ELSIF NEW.status = 'ready' AND OLD.status = 'blocked' THEN
        NEW.attempts_forgiven := NEW.attempts;
    END IF;
    IF NEW.status = 'blocked' THEN
        NEW.block_reason := coalesce(NEW.block_reason, 'other');
        NEW.answer := NULL;  -- it was to another question
        NEW.block_count := 1 + CASE WHEN NEW.block_reason = OLD.block_reason
            THEN least(OLD.block_count, 1999999999) ELSE 0 END;
    END IF;
    PERFORM backlog_event_move(OLD, NEW, outcome, report);
    RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS backlog_before_gate ON backlog;

-- Its name puts it before those of a move: a card that comes into a gated phase and is done in one
-- statement is judged; so is one of it whose gate is taken away.
CREATE TRIGGER backlog_before_gate BEFORE UPDATE OF phase, gated ON backlog
FOR EACH ROW WHEN (NEW.phase IS DISTINCT FROM OLD.phase OR OLD.gated AND NOT NEW.gated)
EXECUTE FUNCTION backlog_before_gate();

-- A card went from one status to another; `outcome` is how a run ended with it.
CREATE OR REPLACE FUNCTION backlog_event_move(was backlog, card backlog, outcome text, report jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
    VALUES (card.id, card.updated_at, backlog_actor(),
        coalesce(report ->> 'verb', CASE
            WHEN card.status = 'done' THEN 'complete'
            WHEN card.status = 'blocked' AND card.block_reason = 'in_review' THEN 'submit'
            WHEN card.status = 'blocked' THEN 'block'
            WHEN was.status = 'done' THEN 'reopen'
            WHEN was.status = 'blocked' THEN 'unblock'
            WHEN outcome = 'expired' THEN 'reclaim'
            ELSE 'release' END),
        was.status, card.status, card.attempts,
        nullif(concat_ws('; ',
            CASE card.status WHEN 'blocked' THEN concat_ws(': ', card.block_reason, card.block_note) END,
            CASE was.status WHEN 'blocked' THEN card.answer END,
            report ->> 'note', 'held by ' || was.claim_owner), ''));
    -- Of an app that has to know of moves, if there is one. A claim, and a completion of which nothing
    -- is said, do not come by here, and pay nothing for it.
    IF to_regprocedure('on_backlog_move(backlog, backlog, text)') IS NOT NULL THEN
        EXECUTE 'SELECT on_backlog_move($1, $2, $3)' USING was, card, outcome;
    END IF;
END $$;
