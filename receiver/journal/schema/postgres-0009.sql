-- The launch watch: what a release is compared with, and every look that was taken at it.
ALTER TABLE release ADD COLUMN healthy_until double precision;
CREATE TABLE launch (
  release bigint PRIMARY KEY REFERENCES release (id) ON DELETE CASCADE,
  begun double precision NOT NULL,
  baseline text NOT NULL,
  ended_at double precision,
  outcome text
);
CREATE INDEX launch_open ON launch (release) WHERE ended_at IS NULL;
CREATE TABLE checkpoint (
  release bigint NOT NULL REFERENCES release (id) ON DELETE CASCADE,
  due double precision NOT NULL,
  at double precision NOT NULL,
  phase integer NOT NULL,
  finding text NOT NULL,
  traffic double precision,
  signals text NOT NULL,
  PRIMARY KEY (release, due)
);
