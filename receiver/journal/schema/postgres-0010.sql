-- A new alert finds fewer indexes to be entered in: each one whose order is that of hashes costs a page of its own to
-- read, to log and to copy. An open episode is found by `episode_open`; only what is over is counted by its alert.
DROP INDEX episode_alert;
CREATE INDEX episode_over ON episode (alert, opened_at) WHERE closed_at IS NOT NULL;
-- what was received is of no incident
DROP INDEX event_incident;
CREATE INDEX event_incident ON event (incident, seq) WHERE incident IS NOT NULL;
