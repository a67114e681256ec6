-- What a run's command printed goes with the run, and with the card: then nobody wants it read.

CREATE FUNCTION backlog_output_of_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM backlog_output AS output USING gone
    WHERE output.card_id = gone.card_id AND output.attempt = gone.attempt;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_output_of_runs AFTER DELETE ON backlog_ended_run
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION backlog_output_of_runs();

CREATE FUNCTION backlog_output_of_cards() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM backlog_output AS output USING gone WHERE output.card_id = gone.id;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_output_of_cards AFTER DELETE ON backlog
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION backlog_output_of_cards();

CREATE FUNCTION backlog_output_of_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM backlog_output;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_output_of_all AFTER TRUNCATE ON backlog
FOR EACH STATEMENT EXECUTE FUNCTION backlog_output_of_all();
