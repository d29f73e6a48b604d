-- Whoever is told of a freeze is told of its end: the incident that met it, and the letters for then.
ALTER TABLE frozen ADD COLUMN incident bigint NOT NULL DEFAULT 0;
ALTER TABLE frozen ADD COLUMN letters text NOT NULL DEFAULT '[]';
