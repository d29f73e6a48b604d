-- What came back, came too often, or did not help.
CREATE TABLE ineffective (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  playbook text NOT NULL,
  incident bigint NOT NULL,
  at double precision NOT NULL
);
CREATE INDEX ineffective_playbook ON ineffective (playbook, at);
-- the repairs that a returning alert may undo
CREATE INDEX incident_healed ON incident (digest, resolved_at) WHERE state = 'RESOLVED' AND reason = 'recovered';
CREATE INDEX episode_alert ON episode (alert, opened_at);
