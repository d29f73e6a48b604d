-- Trust: what each run was found to be, what was refused and held back, and what playbooks and rungs were granted.
ALTER TABLE run ADD COLUMN verdict TEXT;      -- of its verification, or `failed`; only of what an alert asked for
ALTER TABLE run ADD COLUMN judged_at REAL;
ALTER TABLE run ADD COLUMN took REAL;         -- seconds from the alert to that
ALTER TABLE run ADD COLUMN returned_at REAL;  -- when the same problem was back
CREATE INDEX run_playbook ON run (playbook, began_at);
CREATE TABLE trust (
  playbook TEXT NOT NULL,
  step TEXT NOT NULL,                         -- '' is the whole playbook
  mode TEXT NOT NULL,
  likeness TEXT NOT NULL,                     -- of the playbook that was trusted
  "by" TEXT NOT NULL,
  why TEXT NOT NULL,
  at REAL NOT NULL,
  PRIMARY KEY (playbook, step)
) WITHOUT ROWID;
CREATE TABLE refusal (
  playbook TEXT NOT NULL,
  step TEXT NOT NULL,
  reason TEXT NOT NULL,
  day INTEGER NOT NULL,                       -- since 1970, UTC
  count INTEGER NOT NULL,
  PRIMARY KEY (playbook, step, reason, day)
) WITHOUT ROWID;
CREATE TABLE withheld (
  id INTEGER PRIMARY KEY,
  playbook TEXT NOT NULL,
  step TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  incident INTEGER NOT NULL,
  at REAL NOT NULL
);
CREATE INDEX withheld_playbook ON withheld (playbook, at);
-- what humans ended
CREATE INDEX incident_by_human ON incident (resolved_at)
  WHERE reason = 'operator' OR (reason = 'resolved' AND acknowledged_by IS NOT NULL);
