-- The first schema, in a PostgreSQL schema of its own. The tables are those of SQLite; `due`, `owner` and `fence` are
-- timer, lease and fence of a row that somebody works on.

-- Whose clock says what is due: the database's, because the receivers' own may differ.
CREATE FUNCTION moment(given double precision) RETURNS double precision LANGUAGE sql STABLE
  AS 'SELECT extract(epoch FROM statement_timestamp())::double precision';

CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);

CREATE TABLE alert (
  alert text PRIMARY KEY,               -- source:fingerprint
  last_ended double precision,          -- Alertmanager's time of the last resolve
  stale_since double precision          -- when a firing older than that was first received
);

CREATE TABLE episode (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  alert text NOT NULL,
  fingerprint text NOT NULL,
  labels text NOT NULL,                 -- JSON; not jsonb, which refuses U+0000
  annotations text NOT NULL,
  generator_url text NOT NULL,
  starts_at double precision NOT NULL,
  opened_at double precision NOT NULL,
  last_seen double precision NOT NULL,
  seen bigint NOT NULL DEFAULT 1,
  closed_at double precision,
  muted text NOT NULL DEFAULT '',       -- '', silenced or inhibited, as Alertmanager last said
  incident bigint
);
CREATE UNIQUE INDEX episode_open ON episode (alert) WHERE closed_at IS NULL;
CREATE INDEX episode_incident ON episode (incident);

CREATE TABLE incident (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text NOT NULL,
  digest text NOT NULL,                 -- of the key, which may be longer than an index entry can be
  playbook text NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  severity text NOT NULL,
  title text NOT NULL,
  targets text NOT NULL,
  episode text NOT NULL,
  opened_at double precision NOT NULL,
  labels text NOT NULL,
  annotations text NOT NULL,
  plan text NOT NULL,
  rung integer NOT NULL DEFAULT 0,
  attempt integer NOT NULL DEFAULT 1,
  resolved_at double precision,
  acknowledged_by text,
  progress text NOT NULL DEFAULT '{}',
  due double precision,
  owner text,
  fence bigint NOT NULL DEFAULT 0,
  nudged boolean NOT NULL DEFAULT false -- something changed while it was claimed: look again at once
);
CREATE UNIQUE INDEX incident_open ON incident (digest) WHERE resolved_at IS NULL;
CREATE INDEX incident_due ON incident (due) WHERE due IS NOT NULL;
CREATE INDEX incident_state ON incident (state, id);

CREATE TABLE run (
  action_id text PRIMARY KEY,
  incident bigint NOT NULL,
  playbook text NOT NULL,
  episode text NOT NULL,
  rung integer NOT NULL,
  attempt integer NOT NULL,
  step text NOT NULL,
  kind text NOT NULL,
  target text NOT NULL,
  disruptive boolean NOT NULL,
  fence bigint NOT NULL,
  began_at double precision NOT NULL,
  ended_at double precision,
  result text,
  reason text,
  UNIQUE (incident, rung, attempt, target)
);
CREATE UNIQUE INDEX run_target ON run (target) WHERE ended_at IS NULL;  -- one action at a time per target
CREATE INDEX run_began ON run (began_at);

CREATE TABLE frozen (scope text PRIMARY KEY, until double precision NOT NULL);

CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  incident bigint NOT NULL,
  channel text NOT NULL,
  event text NOT NULL,
  body text NOT NULL,
  dedup text NOT NULL,
  created double precision NOT NULL,
  due double precision NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  state text NOT NULL DEFAULT 'pending', -- pending, sent, dead
  error text NOT NULL DEFAULT '',
  holder text,                           -- the receiver that sends it now, and until when nobody else may
  held_until double precision,
  UNIQUE (channel, dedup)
);
CREATE INDEX outbox_pending ON outbox (channel, incident, id) WHERE state = 'pending';
CREATE INDEX outbox_held ON outbox (holder) WHERE state = 'pending' AND holder IS NOT NULL;

CREATE TABLE quarantine (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at double precision NOT NULL,
  source text NOT NULL,
  why text NOT NULL,
  body text NOT NULL
);

-- One that is ended early has its `until` moved; old ones are what happened.
CREATE TABLE maintenance (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  matchers text NOT NULL,               -- JSON list, each as Alertmanager writes it
  began double precision NOT NULL,
  until double precision NOT NULL,
  reason text NOT NULL,
  by text NOT NULL
);
CREATE INDEX maintenance_until ON maintenance (until);

CREATE TABLE event (
  seq bigint PRIMARY KEY,
  t double precision NOT NULL,
  ev text NOT NULL,
  incident bigint,
  data text NOT NULL,
  hash text NOT NULL
);
CREATE INDEX event_incident ON event (incident, seq);

-- The end of the chain, kept apart so that a tail cut off is missed.
CREATE TABLE chain (seq bigint NOT NULL, hash text NOT NULL);
INSERT INTO chain VALUES (0, repeat('0', 64));

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN RAISE EXCEPTION ''the journal is append-only''; END';
CREATE TRIGGER event_never_changes BEFORE UPDATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse();
CREATE TRIGGER event_never_vanishes BEFORE DELETE OR TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse();
