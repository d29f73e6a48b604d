-- Looking back: a search reads this index alone, because the rows themselves are long.
CREATE INDEX incident_history ON incident (id, state, severity, playbook, opened_at, targets, title);
CREATE INDEX run_history ON run (target, began_at);
