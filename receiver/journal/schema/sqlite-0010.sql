-- The launch watch: what a release is compared with, and every look that was taken at it.
ALTER TABLE release ADD COLUMN healthy_until REAL;
CREATE TABLE launch (
  release INTEGER PRIMARY KEY REFERENCES release (id) ON DELETE CASCADE,
  begun REAL NOT NULL,
  baseline TEXT NOT NULL,
  ended_at REAL,
  outcome TEXT
);
CREATE INDEX launch_open ON launch (release) WHERE ended_at IS NULL;
CREATE TABLE checkpoint (
  release INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
  due REAL NOT NULL,
  at REAL NOT NULL,
  phase INTEGER NOT NULL,
  finding TEXT NOT NULL,
  traffic REAL,
  signals TEXT NOT NULL,
  PRIMARY KEY (release, due)
) WITHOUT ROWID;
