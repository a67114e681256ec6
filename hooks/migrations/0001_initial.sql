-- What somebody is to be told is written where it happens, in its own transaction.

-- For whom it may concern: all its subscriptions, but those for another phase.
CREATE FUNCTION hooks_tell(said text, of_phase text, about jsonb, every_phase boolean DEFAULT false)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO hooks_delivery (subscription_id, type, at, data)
    SELECT id, said, clock_timestamp(), about || jsonb_build_object('actor', backlog_actor())
    FROM hooks_subscription
    WHERE events ? said AND (every_phase OR phase IS NULL OR phase = of_phase)
    ORDER BY id
$$;

-- `backlog_event_move` calls it: see there. No claim does, and no plain completion.
CREATE FUNCTION on_backlog_move(was backlog, card backlog, outcome text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    about jsonb;
BEGIN
    IF card.status NOT IN ('ready', 'blocked') OR NOT EXISTS (SELECT FROM hooks_subscription) THEN
        RETURN;
    END IF;
    about := jsonb_build_object('card', to_jsonb(card), 'held_by', was.claim_owner);
    IF outcome = 'expired' THEN
        PERFORM hooks_tell('card.expired', card.phase, about);
    END IF;
    IF card.status = 'blocked' THEN
        PERFORM hooks_tell('card.blocked', card.phase, about);
    END IF;
    IF card.status = 'blocked' AND card.block_reason = 'attempts_exhausted' THEN
        PERFORM hooks_tell('card.attempts_exhausted', card.phase, about);
    END IF;
END $$;

CREATE FUNCTION hooks_after_escalation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    card backlog;
BEGIN
    IF EXISTS (SELECT FROM hooks_subscription) THEN
        SELECT * INTO card FROM backlog WHERE id = NEW.card_id;
        PERFORM hooks_tell('escalation.raised', card.phase, jsonb_build_object(
            'escalation', to_jsonb(NEW), 'card', CASE WHEN card.id IS NOT NULL THEN to_jsonb(card) END));
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER hooks_after_escalation AFTER INSERT OR UPDATE OF raised ON fleet_escalation
FOR EACH ROW EXECUTE FUNCTION hooks_after_escalation();

-- A pause of the fleet is one of every phase. A budget is spent when it comes to its end, by what a
-- run took or because somebody set it lower.
CREATE FUNCTION hooks_after_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hooks_tell(CASE NEW.kind WHEN 'pause' THEN 'claims.paused' ELSE 'budget.spent' END,
        CASE NEW.scope WHEN 'phase' THEN NEW.name END, jsonb_build_object('rule', to_jsonb(NEW)),
        NEW.scope = 'fleet');
    RETURN NULL;
END $$;

CREATE TRIGGER hooks_after_rule AFTER INSERT ON backlog_rule FOR EACH ROW
WHEN (NEW.kind = 'pause' OR NEW.kind = 'budget' AND NEW.due < '3000-01-01Z')
EXECUTE FUNCTION hooks_after_rule();

CREATE TRIGGER hooks_after_budget AFTER UPDATE ON backlog_rule FOR EACH ROW
WHEN (NEW.kind = 'budget' AND NEW.due < OLD.due)
EXECUTE FUNCTION hooks_after_rule();
