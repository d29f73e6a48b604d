-- What is old goes: where the chain begins now, which hours were taken care of, and indexes to find what is old.
CREATE TABLE anchor (seq INTEGER NOT NULL, hash TEXT NOT NULL); -- the last audit row that was taken away
INSERT INTO anchor VALUES (0, '0000000000000000000000000000000000000000000000000000000000000000');
DROP TRIGGER event_never_vanishes;
CREATE TRIGGER event_never_vanishes BEFORE DELETE ON event
  WHEN old.seq > coalesce((SELECT seq FROM anchor), 0)
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TABLE tick (name TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (name, at)) WITHOUT ROWID;

CREATE INDEX episode_closed ON episode (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX incident_closed ON incident (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX outbox_done ON outbox (created) WHERE state <> 'pending';
CREATE INDEX quarantine_at ON quarantine (at);
