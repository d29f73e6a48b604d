-- Maintenance windows. One that is ended early has its `until` moved; old ones are what happened.
CREATE TABLE maintenance (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  matchers TEXT NOT NULL,               -- JSON list, each as Alertmanager writes it
  began REAL NOT NULL,
  until REAL NOT NULL,
  reason TEXT NOT NULL,
  by TEXT NOT NULL
);
CREATE INDEX maintenance_until ON maintenance (until);
