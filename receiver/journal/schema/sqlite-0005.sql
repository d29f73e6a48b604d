-- Digests are letters that take others while they are `open`; a letter of an incident that one tells of goes `after` it.
ALTER TABLE outbox ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN after INTEGER;
CREATE INDEX outbox_recent ON outbox (channel, created);
CREATE INDEX outbox_digest ON outbox (channel, created) WHERE event = 'digest';
CREATE INDEX outbox_told ON outbox (incident, channel);
