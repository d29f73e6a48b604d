-- The ledger of releases: one row for each deploy of a version on a target.
CREATE TABLE release (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which they were entered
  target TEXT NOT NULL,
  version TEXT NOT NULL,
  state TEXT NOT NULL,
  deployed_at REAL NOT NULL,
  "by" TEXT NOT NULL,
  "commit" TEXT,
  finished_at REAL,
  failed_at REAL,
  replaced_at REAL,
  proven_at REAL,
  healthy_since REAL,
  stable_at REAL,
  restore_point_at REAL,
  compatible_down_to TEXT,
  rollback INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX release_target ON release (target, id);
CREATE INDEX release_deployed ON release (deployed_at);
