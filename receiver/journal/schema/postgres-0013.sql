-- Looking back: a search reads this index alone, because the rows themselves are long. `targets` would not fit into it.
CREATE INDEX incident_history ON incident (id) INCLUDE (state, severity, playbook, opened_at, title);
CREATE INDEX run_history ON run (target, began_at);
