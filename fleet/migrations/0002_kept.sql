-- What the gate decided and what somebody noticed is never changed and never removed.

CREATE FUNCTION fleet_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', CASE TG_TABLE_NAME WHEN 'fleet_decision' THEN 'decisions' ELSE 'signals' END
        || ' are never changed' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER fleet_decision_kept BEFORE UPDATE OR DELETE ON fleet_decision
FOR EACH ROW EXECUTE FUNCTION fleet_kept();

CREATE TRIGGER fleet_decision_kept_whole BEFORE TRUNCATE ON fleet_decision
FOR EACH STATEMENT EXECUTE FUNCTION fleet_kept();

CREATE TRIGGER fleet_signal_kept BEFORE UPDATE OR DELETE ON fleet_signal
FOR EACH ROW EXECUTE FUNCTION fleet_kept();

CREATE TRIGGER fleet_signal_kept_whole BEFORE TRUNCATE ON fleet_signal
FOR EACH STATEMENT EXECUTE FUNCTION fleet_kept();
