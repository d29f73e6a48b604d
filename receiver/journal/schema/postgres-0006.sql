-- The ledger of releases: one row for each deploy of a version on a target.
CREATE TABLE release (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order in which they were entered
  target text NOT NULL,
  version text NOT NULL,
  state text NOT NULL,
  deployed_at double precision NOT NULL,
  "by" text NOT NULL,
  "commit" text,
  finished_at double precision,
  failed_at double precision,
  replaced_at double precision,
  proven_at double precision,
  healthy_since double precision,
  stable_at double precision,
  restore_point_at double precision,
  compatible_down_to text,
  rollback boolean NOT NULL DEFAULT false
);
CREATE INDEX release_target ON release (target, id);
CREATE INDEX release_deployed ON release (deployed_at);
