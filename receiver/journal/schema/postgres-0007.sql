-- What a channel said of an incident: where the next message about it belongs.
CREATE TABLE thread (
  incident bigint NOT NULL,
  channel text NOT NULL,
  said text NOT NULL,
  PRIMARY KEY (incident, channel)
);
