-- Whoever is told of a freeze is told of its end: the incident that met it, and the letters for then.
ALTER TABLE freeze ADD COLUMN incident INTEGER NOT NULL DEFAULT 0;
ALTER TABLE freeze ADD COLUMN letters TEXT NOT NULL DEFAULT '[]';
