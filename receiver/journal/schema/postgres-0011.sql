-- Trust: what each run was found to be, what was refused and held back, and what playbooks and rungs were granted.
ALTER TABLE run ADD COLUMN verdict text;                  -- of its verification, or `failed`; only of what an alert asked for
ALTER TABLE run ADD COLUMN judged_at double precision;
ALTER TABLE run ADD COLUMN took double precision;         -- seconds from the alert to that
ALTER TABLE run ADD COLUMN returned_at double precision;  -- when the same problem was back
CREATE INDEX run_playbook ON run (playbook, began_at);
CREATE TABLE trust (
  playbook text NOT NULL,
  step text NOT NULL,                                     -- '' is the whole playbook
  mode text NOT NULL,
  likeness text NOT NULL,                                 -- of the playbook that was trusted
  "by" text NOT NULL,
  why text NOT NULL,
  at double precision NOT NULL,
  PRIMARY KEY (playbook, step)
);
CREATE TABLE refusal (
  playbook text NOT NULL,
  step text NOT NULL,
  reason text NOT NULL,
  day bigint NOT NULL,                                    -- since 1970, UTC
  count bigint NOT NULL,
  PRIMARY KEY (playbook, step, reason, day)
);
CREATE TABLE withheld (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  playbook text NOT NULL,
  step text NOT NULL,
  kind text NOT NULL,
  target text NOT NULL,
  incident bigint NOT NULL,
  at double precision NOT NULL
);
CREATE INDEX withheld_playbook ON withheld (playbook, at);
-- what humans ended
CREATE INDEX incident_by_human ON incident (resolved_at)
  WHERE reason = 'operator' OR (reason = 'resolved' AND acknowledged_by IS NOT NULL);
