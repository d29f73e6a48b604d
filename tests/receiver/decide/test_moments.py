from __future__ import annotations

import pytest

from receiver.decide.moments import Row, words_of

ROW = {"t": 1.0, "seq": 4, "hash": "ab", "incident": 7, "ep": "f@1"}
OPENED = {"playbook": "errors", "targets": ["shop"], "severity": "critical"}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"ev": "opened", **OPENED, "alertname": "HighErrorRate"},
            "HighErrorRate, critical: errors on shop",
        ),
        (
            {"ev": "opened", **OPENED, "alertname": "", "by": "ann"},
            "asked for by ann, critical: errors on shop",
        ),
        (
            {"ev": "opened", **OPENED, "playbook": None, "targets": [], "alertname": "Odd"},
            "Odd, critical: no playbook on no target",
        ),
        (
            {"ev": "reopened", **OPENED, "alertname": "HighErrorRate", "rung": 1},
            "HighErrorRate, critical: errors on shop; it is back, and goes on at rung 2",
        ),
        ({"ev": "refused", "target": "shop", "reason": "limit_target"}, "shop: limit target"),
        ({"ev": "refused", "target": "", "reason": "no_playbook"}, "no playbook"),
        (
            {"ev": "intent", "kind": "restart", "target": "shop", "step": "second"},
            "restart on shop begins (rung second)",
        ),
        ({"ev": "progress", "said": "3 of 5"}, "3 of 5"),
        (
            {"ev": "outcome", "kind": "flush_cache", "target": "cache", "result": "ok", "counts": {"keys": 5}},
            "flush_cache on cache: done (keys 5)",
        ),
        (
            {"ev": "outcome", "kind": "restart", "target": "shop", "result": "failed", "detail": "no such app"},
            "restart on shop: failed (no such app)",
        ),
        (
            {"ev": "outcome", "kind": "flush_cache", "target": "cache", "result": "cancelled", "reason": "resolved", "counts": {"deleted": 5}},
            "flush_cache on cache: stopped half-way, because the alert had ended (deleted 5)",
        ),
        (
            {"ev": "outcome", "kind": "restart", "target": "shop", "result": "cancelled", "reason": "paused"},
            "restart on shop: cancelled (paused)",
        ),
        (
            {"ev": "verdict", "step": "first", "verdict": "still_broken", "seen": ["fail: 500"]},
            "after rung first: still broken (fail: 500)",
        ),
        ({"ev": "acknowledged", "by": "ann"}, "by ann"),
        ({"ev": "acknowledged", "by": "ann", "token": "ops"}, "by ann (with the token ops)"),
        ({"ev": "resolved", "reason": "operator", "by": "ann"}, "operator, by ann"),
        (
            {"ev": "escalated", "reason": "facet_missing", "detail": "shop has no redis"},
            "facet missing: shop has no redis",
        ),
        ({"ev": "notified", "channel": "ops", "event": "approval_requested"}, "ops: approval requested"),
        (
            {"ev": "rollback", "target": "api", "version": "2", "to": "1", "step": "putting_back", "why": "late"},
            "api, 2 to 1: putting back: late",
        ),
        (
            {"ev": "received", "fp": "f1", "status": "firing", "starts": 1_789_949_100.0, "ends": None, "source": "alertmanager"},
            "alert f1 firing since 2026-09-21 00:05:00 UTC, says alertmanager",
        ),
        (
            {"ev": "received", "fp": "f1", "status": "resolved", "starts": 1.0, "ends": 1_789_949_100.0, "source": "reconcile"},
            "alert f1 over since 2026-09-21 00:05:00 UTC, says reconcile",
        ),
        (
            {"ev": "received", "fp": "f1", "status": "resolved", "starts": 1.0, "ends": None, "source": "reconcile"},
            "alert f1 over since a time unknown, says reconcile",
        ),
        (
            {"ev": "launch_checkpoint", "release": 3, "target": "api", "version": "2", "phase": 1, "due": 4.0, "finding": "pass", "degraded": [], "inconclusive": []},
            "api 2, phase 1: pass",
        ),
        (
            {"ev": "launch_checkpoint", "target": "api", "version": "2", "phase": 2, "finding": "degraded", "degraded": ["errors", "p95"], "inconclusive": ["crashes"]},
            "api 2, phase 2: degraded (worse: errors, p95; not known: crashes)",
        ),
        (
            {"ev": "release_finished", "target": "api", "version": "2", "state": "watching", "replaces": "1", "by": "ann"},
            "api 2 in place of 1, by ann",
        ),
        ({"ev": "launch_begun", "release": 3, "target": "api", "version": "2"}, "api 2"),
        (
            {"ev": "launch_ended", "release": 3, "target": "api", "version": "2", "outcome": "unproven", "checkpoints": {}, "why": "late"},
            "api 2: unproven: late",
        ),
        (
            {"ev": "promoted", "playbook": "memory", "step": "", "was": "shadow", "mode": "approve", "by": "ann", "why": "good"},
            "memory from shadow to approve, by ann: good",
        ),
        (
            {"ev": "demoted", "playbook": "memory", "step": "gc", "was": "auto", "mode": "approve", "by": "prunella", "why": "", "judged": 5},
            "rung gc of memory from auto to approve, by prunella",
        ),
        ({"ev": "frozen", "scope": "storm", "until": 1_789_949_100.0}, "storm until 2026-09-21 00:05:00 UTC"),
    ],
)  # fmt: skip
def test_a_row_is_a_sentence(row: Row, words: str) -> None:
    assert words_of({**ROW, **row}) == words


def test_of_a_row_that_nothing_is_written_for_the_fields_are_shown() -> None:
    assert words_of({**ROW, "ev": "bolted", "scope": "all", "until": 4}) == "scope all, until 4"
