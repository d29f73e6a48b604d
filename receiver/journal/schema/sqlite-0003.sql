-- What came back, came too often, or did not help.
CREATE TABLE ineffective (
  id INTEGER PRIMARY KEY, playbook TEXT NOT NULL, incident INTEGER NOT NULL, at REAL NOT NULL
);
CREATE INDEX ineffective_playbook ON ineffective (playbook, at);
-- the repairs that a returning alert may undo
CREATE INDEX incident_healed ON incident (key, resolved_at) WHERE state = 'RESOLVED' AND reason = 'recovered';
CREATE INDEX episode_alert ON episode (alert, opened_at);
