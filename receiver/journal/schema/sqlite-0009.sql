-- Rollbacks that were begun: written before anything is touched, so that whoever takes over goes on towards the same version.
ALTER TABLE release ADD COLUMN frozen_at REAL;
CREATE TABLE rollback (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which they began
  target TEXT NOT NULL,
  release INTEGER NOT NULL, -- the deploy that is gone back from
  version TEXT NOT NULL,
  "to" TEXT NOT NULL,
  incident INTEGER NOT NULL,
  action_id TEXT NOT NULL UNIQUE,
  began_at REAL NOT NULL,
  step TEXT NOT NULL,
  reached INTEGER NOT NULL, -- how many of its machines may have been touched
  ended_at REAL,
  why TEXT NOT NULL
);
CREATE INDEX rollback_target ON rollback (target, id);
