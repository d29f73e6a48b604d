-- What a channel said of an incident: where the next message about it belongs.
CREATE TABLE thread (
  incident INTEGER NOT NULL,
  channel TEXT NOT NULL,
  said TEXT NOT NULL,
  PRIMARY KEY (incident, channel)
) WITHOUT ROWID;
