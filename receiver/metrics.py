"""What the receiver says of itself; names and labels are the contract's, every label is from a closed or configured set."""

from __future__ import annotations

from prunella.metrics import Counter, Gauge, Histogram

DELIVERIES = Counter(
    "prunella_deliveries_total", "Webhook deliveries by what became of them.", ["result"]
)
TRUNCATED = Counter(
    "prunella_deliveries_truncated_total",
    "Deliveries from which Alertmanager left alerts out (max_alerts).",
)
ALERTS = Counter("prunella_alerts_total", "Alerts received, one by one.", ["status", "kind"])
INCIDENTS = Gauge("prunella_incidents", "Incidents that are not closed, by state.", ["state"])
ACTIONS = Counter("prunella_actions_total", "Actions by outcome.", ["playbook", "action", "result"])
REFUSALS = Counter("prunella_refusals_total", "Actions refused or put off, by reason.", ["reason"])
VERDICTS = Counter(
    "prunella_verdicts_total", "What verification ended with.", ["playbook", "verdict"]
)
TIME_TO_ACT = Histogram(
    "prunella_time_to_act_seconds",
    "From the commit of an incident's first alert to the start of its first action.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
TIME_TO_HEAL = Histogram(
    "prunella_time_to_heal_seconds",
    "From the commit of an incident's first alert to the proof that it is healed.",
    buckets=(1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600),
)
PLAYBOOK_MODE = Gauge(
    "prunella_playbook_mode",
    "How far a rung may go by itself now: 0 shadow, 1 approve, 2 auto.",
    ["playbook", "rung"],
)
RUNG_RUNS = Gauge(
    "prunella_rung_runs",
    "Runs of a rung within trust.window by how they went: helped, returned, in_vain, failed or unseen.",
    ["playbook", "rung", "went"],
)
DEMOTIONS = Counter(
    "prunella_demotions_total",
    "Rungs that did not help and have to ask since.",
    ["playbook", "rung"],
)
NOTIFICATIONS = Counter(
    "prunella_notifications_total", "Messages by channel and result.", ["channel", "result"]
)
TEMPLATE_FAILURES = Counter(
    "prunella_template_failures_total",
    "Messages that a channel's own template could not word, sent with the default.",
    ["channel"],
)
OUTBOX_OLDEST = Gauge(
    "prunella_outbox_oldest_timestamp_seconds",
    "When the oldest undelivered message of a channel was written; 0 when none waits.",
    ["channel"],
)
WATCHDOG = Gauge(
    "prunella_watchdog_last_received_timestamp_seconds",
    "When Alertmanager's always-firing heartbeat last arrived; 0 = never.",
)
DRIFT = Counter(
    "prunella_reconcile_drift_total",
    "Differences found between Alertmanager's alerts and ours, by kind.",
    ["kind"],
)
FROZEN = Gauge(
    "prunella_frozen_scopes",
    "Scopes in which nothing is done until they thaw, by kind.",
    ["kind"],
)
SCHEDULE_LAST = Gauge(
    "prunella_schedule_last_run_timestamp_seconds",
    "The last moment of a schedule that was taken; 0 = none yet.",
    ["schedule"],
)
SCHEDULE_NEXT = Gauge(
    "prunella_schedule_next_run_timestamp_seconds",
    "The next moment of a schedule.",
    ["schedule"],
)
ROTATION_READ = Gauge(
    "prunella_rotation_last_read_timestamp_seconds",
    "When the calendar of a rotation was read last; 0 = never.",
    ["rotation"],
)
MAINTENANCE = Gauge(
    "prunella_maintenance_active",
    "Whether a maintenance window covers the whole of a service.",
    ["service"],
)
RELEASE_INFO = Gauge(
    "prunella_release_info",
    "1 for the release that a target serves.",
    ["service", "target", "version", "commit"],
)
RELEASE_TIMESTAMP = Gauge(
    "prunella_release_timestamp_seconds",
    "When the deploy of the release that a target serves began.",
    ["service", "target", "version"],
)
LAUNCH_PHASE = Gauge(
    "prunella_launch_phase",
    "The phase of the launch watch that the release is in, from 1; 0 = the watch is over.",
    ["service", "target", "version"],
)
LAUNCH_BASELINE = Gauge(
    "prunella_launch_baseline",
    "What a signal of a release that is watched is compared with.",
    ["service", "target", "version", "signal"],
)
LAUNCH_LIMIT = Gauge(
    "prunella_launch_limit",
    "Above which a signal of a release that is watched is worse than its baseline.",
    ["service", "target", "version", "signal"],
)
LAUNCH_VERDICT = Gauge(
    "prunella_launch_verdict",
    "What the last checkpoint of a release that is watched found: 0 pass, 1 inconclusive, 2 degraded.",
    ["service", "target", "version"],
)
RELEASE_READABLE = Gauge(
    "prunella_release_version_readable",
    "Whether the version that a target runs could be read at the last look.",
    ["service", "target"],
)
RELEASE_DISPUTED = Gauge(
    "prunella_release_disputed",
    "Whether what a target runs, where its layout points, and the ledger of releases contradict each other.",
    ["service", "target"],
)
RELEASES_DETECTED = Counter(
    "prunella_releases_detected_total",
    "Releases that were seen to serve and that nobody had told of.",
    ["target"],
)
ROLLBACKS = Counter(
    "prunella_rollbacks_total",
    "Rollbacks by how they ended: rolled_back, restored, stuck or nothing_done.",
    ["target", "result"],
)
DEPLOYS_FROZEN = Gauge(
    "prunella_deploys_frozen",
    "Whether no deploy may begin on a target, since a rollback and until a human lifts that.",
    ["service", "target"],
)
DEPLOY_IN_PROGRESS = Gauge(
    "prunella_deploy_in_progress",
    "Whether a deploy of a service has begun and not ended.",
    ["service"],
)
BACKUP_SUCCESS = Gauge(
    "prunella_backup_last_success_timestamp_seconds",
    "When the newest whole backup was begun; 0 for never.",
    ["service", "backup"],
)
BACKUP_SIZE = Gauge(
    "prunella_backup_last_size_bytes",
    "Size of the newest whole backup; 0 when there is none.",
    ["service", "backup"],
)
BACKUP_OK = Gauge(
    "prunella_backup_last_run_success",
    "Whether the last backup was finished and is everywhere that it belongs.",
    ["service", "backup"],
)
BACKUP_VERIFIED = Gauge(
    "prunella_backup_last_verified_timestamp_seconds",
    "When a backup was last proven to restore; 0 for never.",
    ["service", "backup"],
)
BACKUP_ATTEMPT = Gauge(
    "prunella_backup_last_attempt_timestamp_seconds",
    "When the last run began, whatever became of it; 0 for never.",
    ["service", "backup"],
)
BACKUP_SECONDS = Gauge(
    "prunella_backup_last_duration_seconds",
    "How long the newest whole backup took.",
    ["service", "backup"],
)
BACKUP_VERIFY_ATTEMPT = Gauge(
    "prunella_backup_last_verify_attempt_timestamp_seconds",
    "When a proof of a backup was last tried, whatever became of it; 0 for never.",
    ["service", "backup"],
)
BACKUP_VERIFY_OK = Gauge(
    "prunella_backup_last_verify_success",
    "Whether the last proof of a backup succeeded; 0 also when there was none.",
    ["service", "backup"],
)
BACKUP_RESTORE_SECONDS = Gauge(
    "prunella_backup_last_restore_duration_seconds",
    "How long the last proven restore took; 0 when there was none.",
    ["service", "backup"],
)
BACKUP_FREE = Gauge(
    "prunella_backup_storage_free_bytes",
    "Free space where the backups lie.",
    ["service", "backup"],
)
CHAIN_OK = Gauge(
    "prunella_journal_chain_ok",
    "Whether every row of the audit that was followed lately follows from the one before.",
)
CHAIN_OK.set(1)  # until a row speaks against it
JOURNAL_UP = Gauge("prunella_journal_up", "1 when the journal took the last write.")
