-- The first schema. `due`, `owner` and `fence` are timer, lease and fence of a row that somebody works on.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE alert (
  alert TEXT PRIMARY KEY,               -- source:fingerprint
  open_episode INTEGER,                 -- the open one, if any
  last_ended REAL,                      -- Alertmanager's time of the last resolve
  stale_since REAL                      -- when a firing older than that was first received
) WITHOUT ROWID;

CREATE TABLE episode (
  id INTEGER PRIMARY KEY,
  alert TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  labels TEXT NOT NULL,
  annotations TEXT NOT NULL,
  generator_url TEXT NOT NULL,
  starts_at REAL NOT NULL,
  opened_at REAL NOT NULL,
  last_seen REAL NOT NULL,
  seen INTEGER NOT NULL DEFAULT 1,
  closed_at REAL,
  muted TEXT NOT NULL DEFAULT '',       -- '', silenced or inhibited, as Alertmanager last said
  incident INTEGER
);
CREATE UNIQUE INDEX episode_open ON episode (alert) WHERE closed_at IS NULL;
CREATE INDEX episode_incident ON episode (incident);

CREATE TABLE incident (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL,
  playbook TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  severity TEXT NOT NULL,
  title TEXT NOT NULL,
  targets TEXT NOT NULL,
  episode TEXT NOT NULL,
  opened_at REAL NOT NULL,
  labels TEXT NOT NULL,
  annotations TEXT NOT NULL,
  plan TEXT NOT NULL,
  rung INTEGER NOT NULL DEFAULT 0,
  attempt INTEGER NOT NULL DEFAULT 1,
  resolved_at REAL,
  acknowledged_by TEXT,
  progress TEXT NOT NULL DEFAULT '{}',
  due REAL,
  owner TEXT,
  fence INTEGER NOT NULL DEFAULT 0,
  nudged INTEGER NOT NULL DEFAULT 0     -- something changed while it was claimed: look again at once
);
CREATE UNIQUE INDEX incident_open ON incident (key) WHERE resolved_at IS NULL;
CREATE INDEX incident_due ON incident (due) WHERE due IS NOT NULL;
CREATE INDEX incident_state ON incident (state, id);

CREATE TABLE run (
  action_id TEXT PRIMARY KEY,
  incident INTEGER NOT NULL,
  playbook TEXT NOT NULL,
  episode TEXT NOT NULL,
  rung INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  step TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  disruptive INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  began_at REAL NOT NULL,
  ended_at REAL,
  result TEXT,
  reason TEXT,
  UNIQUE (incident, rung, attempt, target)
) WITHOUT ROWID;
CREATE UNIQUE INDEX run_target ON run (target) WHERE ended_at IS NULL;  -- one action at a time per target
CREATE INDEX run_began ON run (began_at);

CREATE TABLE freeze (scope TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  incident INTEGER NOT NULL,
  channel TEXT NOT NULL,
  event TEXT NOT NULL,
  body TEXT NOT NULL,
  dedup TEXT NOT NULL,
  created REAL NOT NULL,
  due REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'pending', -- pending, sent, dead
  error TEXT NOT NULL DEFAULT '',
  UNIQUE (channel, dedup)
);
CREATE INDEX outbox_pending ON outbox (channel, incident, id) WHERE state = 'pending';

CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, source TEXT NOT NULL, why TEXT NOT NULL, body TEXT NOT NULL
);

CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, -- SQLite remembers the highest, so that a tail cut off is missed
  t REAL NOT NULL,
  ev TEXT NOT NULL,
  incident INTEGER,
  data TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE INDEX event_incident ON event (incident, seq);
CREATE TRIGGER event_never_changes BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER event_never_vanishes BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
