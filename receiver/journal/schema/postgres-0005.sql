-- What is old goes: where the chain begins now, which hours were taken care of, and indexes to find what is old.
CREATE TABLE anchor (seq bigint NOT NULL, hash text NOT NULL); -- the last audit row that was taken away
INSERT INTO anchor VALUES (0, repeat('0', 64));
CREATE FUNCTION refuse_beyond_anchor() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN
     IF old.seq > coalesce((SELECT seq FROM anchor), 0) THEN RAISE EXCEPTION ''the journal is append-only''; END IF;
     RETURN old;
   END';
DROP TRIGGER event_never_vanishes ON event;
CREATE TRIGGER event_never_vanishes BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_beyond_anchor();
CREATE TRIGGER event_is_never_emptied BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse();

CREATE TABLE tick (name text NOT NULL, at double precision NOT NULL, PRIMARY KEY (name, at));

CREATE INDEX episode_closed ON episode (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX incident_closed ON incident (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX outbox_done ON outbox (created) WHERE state <> 'pending';
CREATE INDEX quarantine_at ON quarantine (at);
