-- Rollbacks that were begun: written before anything is touched, so that whoever takes over goes on towards the same version.
ALTER TABLE release ADD COLUMN frozen_at double precision;
CREATE TABLE rollback (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order in which they began
  target text NOT NULL,
  release bigint NOT NULL, -- the deploy that is gone back from
  version text NOT NULL,
  "to" text NOT NULL,
  incident bigint NOT NULL,
  action_id text NOT NULL UNIQUE,
  began_at double precision NOT NULL,
  step text NOT NULL,
  reached integer NOT NULL, -- how many of its machines may have been touched
  ended_at double precision,
  why text NOT NULL
);
CREATE INDEX rollback_target ON rollback (target, id);
