-- Those that are open and that nobody has, a page at a time, however many others there are.
CREATE INDEX incident_waiting ON incident (id) WHERE resolved_at IS NULL AND acknowledged_by IS NULL;
