"""Why: one closed list of words that a log line, a metric label, a journal row and a notification share."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Every reason that a decision can carry; the comment says who may do what about it."""

    # refusals and waits of the guards
    NO_PLAYBOOK = "no_playbook"
    UNKNOWN_TARGET = "unknown_target"
    FACET_MISSING = "facet_missing"
    SHADOW = "shadow"
    APPROVAL_REQUIRED = "approval_required"
    APPROVAL_DENIED = "approval_denied"
    APPROVAL_EXPIRED = "approval_expired"
    PAUSED = "paused"
    STOP_FILE = "stop_file"
    RESOLVED = "resolved"
    STALE = "stale"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    MAINTENANCE = "maintenance"
    DEPENDENCY_OPEN = "dependency_open"
    COOLDOWN = "cooldown"
    TARGET_BUSY = "target_busy"
    DISRUPTIVE_BUSY = "disruptive_busy"
    LIMIT_TARGET = "limit_target"
    LIMIT_GLOBAL = "limit_global"
    FROZEN = "frozen"
    STORM = "storm"
    BREAKER_OPEN = "breaker_open"
    FLAPPING = "flapping"
    COMMON_CAUSE = "common_cause"
    CONFIG_CHANGED = "config_changed"
    # why a target does not go back to an earlier release
    NO_RELEASE = "no_release"
    NOT_ARMED = "not_armed"
    OUTSIDE_WATCH = "outside_watch"
    BEFORE_DEPLOY = "before_deploy"
    UNHEALTHY_BEFORE = "unhealthy_before"
    FAILING_ELSEWHERE = "failing_elsewhere"
    NO_KNOWN_GOOD = "no_known_good"
    SCHEMA_INCOMPATIBLE = "schema_incompatible"
    DEPLOY_IN_FLIGHT = "deploy_in_flight"
    ALREADY_ROLLED_BACK = "already_rolled_back"
    ROLLBACK_OF_ROLLBACK = "rollback_of_rollback"
    ROLLBACK_BUDGET = "rollback_budget"
    # outcomes of an action
    DONE = "done"
    FAILED = "failed"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"
    NOT_STARTED = "not_started"
    OUTCOME_UNKNOWN = "outcome_unknown"
    # what verification saw
    RECOVERED = "recovered"
    STILL_BROKEN = "still_broken"
    NO_DATA = "no_data"
    DECAYING = "decaying"
    # how an incident went on
    FIRING = "firing"
    HOLDING = "holding"
    ALLOWED = "allowed"
    RUNGS_EXHAUSTED = "rungs_exhausted"
    BLOCKED_TOO_LONG = "blocked_too_long"
    OPERATOR = "operator"
    SCHEDULED = "scheduled"
    OVERLAPPING = "overlapping"  # the schedule's last run on the target has not ended
    TOO_LATE = "too_late"  # nobody was there at the time, nor within `grace`
    EXPIRED = "expired"
    NOT_HELPING = "not_helping"  # why a rung that acted by itself has to ask from now on
