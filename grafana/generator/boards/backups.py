"""How old, how large and how well proven every backup is."""

from __future__ import annotations

from grafana.generator.board import Board, Row
from grafana.generator.panel import Panel, Query, lines

BACKUPS = Board(
    "backups",
    "backups",
    "How old, how large and how well proven every backup is.",
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "bargauge",
                    "Age",
                    "Of the newest whole one.",
                    (
                        Query(
                            'time() - (max by (service, backup) (prunella_backup_last_success_timestamp_seconds{service=~"$service"}) > 0)',
                            "{{backup}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("BackupTooOld"),
                    width=6,
                    height=7,
                ),
                Panel(
                    "stat",
                    "Last run",
                    "Whether it ended well.",
                    (
                        Query(
                            'max by (service, backup) (prunella_backup_last_run_success{service=~"$service"})',
                            "{{backup}}",
                        ),
                    ),
                    lines=[(1, "green")],
                    values={
                        "0": {"text": "broken", "color": "red"},
                        "1": {"text": "well", "color": "green"},
                    },
                    width=6,
                    height=7,
                ),
                Panel(
                    "bargauge",
                    "Last proven by a restore",
                    "How long ago; empty is never.",
                    (
                        Query(
                            'time() - (max by (service, backup) (prunella_backup_last_verified_timestamp_seconds{service=~"$service"}) > 0)',
                            "{{backup}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("BackupVerificationStale"),
                    width=6,
                    height=7,
                ),
                Panel(
                    "stat",
                    "Room",
                    "For how many more of the last size there is space.",
                    (
                        Query(
                            'min by (service, backup) (prunella_backup_storage_free_bytes{service=~"$service"}) / (max by (service, backup) (prunella_backup_last_size_bytes{service=~"$service"}) > 0)',
                            "{{backup}}",
                        ),
                    ),
                    lines=lines("BackupStorageLow"),
                    falls=True,
                    width=6,
                    height=7,
                ),
            ),
        ),
        Row(
            "Over time",
            (
                Panel(
                    "timeseries",
                    "Size",
                    "Of the newest whole one.",
                    (
                        Query(
                            'max by (service, backup) (prunella_backup_last_size_bytes{service=~"$service"})',
                            "{{backup}}",
                        ),
                    ),
                    unit="bytes",
                    width=12,
                ),
                Panel(
                    "timeseries",
                    "Time since a proof was tried",
                    "Whatever became of it; nothing is drawn of what was never tried.",
                    (
                        Query(
                            'time() - (max by (service, backup) (prunella_backup_last_verify_attempt_timestamp_seconds{service=~"$service"}) > 0)',
                            "{{backup}}",
                        ),
                    ),
                    unit="s",
                    width=12,
                ),
                Panel(
                    "state-timeline",
                    "Runs",
                    "Red is when the last run was broken.",
                    (
                        Query(
                            'max by (service, backup) (prunella_backup_last_run_success{service=~"$service"})',
                            "{{backup}}",
                        ),
                    ),
                    values={
                        "0": {"text": "broken", "color": "red"},
                        "1": {"text": "well", "color": "green"},
                    },
                    width=12,
                ),
                Panel(
                    "state-timeline",
                    "Proofs",
                    "Red is when what was last tried to prove did not hold; empty is never tried.",
                    (
                        Query(
                            'max by (service, backup) (prunella_backup_last_verify_success{service=~"$service"}) and max by (service, backup) (prunella_backup_last_verify_attempt_timestamp_seconds{service=~"$service"}) > 0',
                            "{{backup}}",
                        ),
                    ),
                    values={
                        "0": {"text": "not proven", "color": "red"},
                        "1": {"text": "proven", "color": "green"},
                    },
                    width=12,
                ),
            ),
        ),
    ),
)
