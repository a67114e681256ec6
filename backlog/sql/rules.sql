-- Holds: a card that is kept back until its not_before, and the rule that lets it go.

-- Whoever writes `held` only makes the database look at its clock.
CREATE FUNCTION backlog_before_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.held := coalesce(NEW.not_before > clock_timestamp(), false);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_hold BEFORE UPDATE OF not_before, held ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_hold();

-- A card that is held back is a rule from when it may be let go. Whoever lets cards go deletes what is
-- needed no longer, so a rule that is left over does no harm: a claim goes the longer way once.
CREATE FUNCTION backlog_after_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_rule (kind, scope, name, actor, due)
    VALUES ('hold', 'card', NEW.id, backlog_actor(), NEW.not_before)
    ON CONFLICT (kind, scope, name) DO UPDATE SET actor = excluded.actor, due = excluded.due;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_hold AFTER INSERT OR UPDATE OF not_before, held ON backlog
FOR EACH ROW WHEN (NEW.held) EXECUTE FUNCTION backlog_after_hold();
