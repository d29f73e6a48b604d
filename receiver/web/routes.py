"""Every route and the scope that it needs; one without a scope does not start."""

from __future__ import annotations

from collections.abc import Callable

from prunella.service.auth import Scope
from prunella.service.route import Route
from receiver.outside.pictures import Pictures
from receiver.stages.context import Context
from receiver.web.alerts import Alerts
from receiver.web.backups import Backups
from receiver.web.heal import Heals
from receiver.web.incidents import WORDS, Incidents
from receiver.web.launches import Launches
from receiver.web.maintenance import Maintenance
from receiver.web.monitoring.handlers import Monitoring
from receiver.web.notify import Notify
from receiver.web.oncall import OnCallRoutes
from receiver.web.openapi import openapi
from receiver.web.operations import Operations
from receiver.web.playbooks import Playbooks
from receiver.web.presses import Background, Presses
from receiver.web.releases import Releases
from receiver.web.repairs import Repairs
from receiver.web.rollbacks import Rollbacks

_NAME = "{name:[A-Za-z0-9_.-]{1,64}}"
_ID = "{id:[0-9]{1,18}}"


def routes(context: Context, wake: Callable[[], None], background: Background) -> tuple[Route, ...]:
    """The routes of contract section 5 that exist so far; `wake` is called after every change."""
    alerts, incidents = Alerts(context, wake), Incidents(context, wake)
    operations, maintenance = Operations(context, wake), Maintenance(context, wake)
    releases = Releases(context)
    rollbacks = Rollbacks(context, wake)
    launches = Launches(context, Pictures())
    monitoring = Monitoring(context, wake)
    presses = Presses(context, wake, background)
    oncall = OnCallRoutes(context)
    words = "{word:" + "|".join(WORDS) + "}"
    return (
        Route("POST", "/alerts", Scope.WEBHOOK, alerts.receive, take=alerts.take),
        Route("POST", "/watchdog", Scope.WEBHOOK, alerts.watchdog),
        Route("GET", "/api/v1/incidents", Scope.READ, incidents.list),
        Route("GET", f"/api/v1/incidents/{_ID}", Scope.READ, incidents.one),
        Route("POST", f"/api/v1/incidents/{_ID}/{words}", Scope.OPERATE, incidents.say),
        Route("GET", "/api/v1/status", Scope.READ, operations.status),
        Route("GET", "/api/v1/journal", Scope.READ, operations.journal),
        Route("POST", "/api/v1/repairs", Scope.OPERATE, Repairs(context, wake).ask),
        Route("POST", "/api/admin/heal", Scope.OPERATE, Heals(context, wake).ask),
        Route("GET", "/api/v1/backups", Scope.READ, Backups(context).list),
        *_of_playbooks(Playbooks(context, wake)),
        Route("GET", "/api/v1/releases", Scope.READ, releases.list),
        Route("POST", "/api/v1/releases", Scope.OPERATE, releases.say),
        Route("GET", f"/api/v1/releases/{_ID}/watch", Scope.READ, launches.one),
        Route("GET", f"/api/v1/releases/{_ID}/picture", Scope.READ, launches.picture),
        Route("POST", "/api/v1/rollbacks", Scope.OPERATE, rollbacks.ask),
        Route("POST", "/api/v1/releases/unfreeze", Scope.OPERATE, rollbacks.unfreeze),
        Route("POST", "/api/v1/restore-points", Scope.OPERATE, releases.mark),
        Route("POST", "/api/v1/pause", Scope.OPERATE, operations.pause),
        Route("POST", "/api/v1/resume", Scope.OPERATE, operations.resume),
        Route("POST", "/api/v1/notify/test", Scope.OPERATE, Notify(context).test),
        Route("GET", "/api/v1/oncall", Scope.READ, oncall.list),
        Route("POST", f"/api/v1/oncall/{_NAME}", Scope.OPERATE, oncall.stand_in),
        Route("DELETE", f"/api/v1/oncall/{_NAME}", Scope.OPERATE, oncall.end),
        Route("GET", "/api/v1/maintenance", Scope.OPERATE, maintenance.list),
        Route("POST", "/api/v1/maintenance", Scope.OPERATE, maintenance.begin),
        Route("DELETE", f"/api/v1/maintenance/{_ID}", Scope.OPERATE, maintenance.end),
        Route("GET", "/api/monitoring/health", Scope.OPEN, monitoring.health),
        Route("GET", "/api/monitoring/dashboard", Scope.READ, monitoring.dashboard),
        Route("GET", "/api/monitoring/alerts", Scope.READ, monitoring.alerts),
        Route(
            *("POST", f"/api/monitoring/alerts/{_ID}/acknowledge", Scope.OPERATE),
            monitoring.acknowledge,
        ),
        Route("GET", "/api/admin/monitoring", Scope.READ, monitoring.admin),
        Route("GET", "/openapi.json", Scope.OPEN, openapi),
        Route("POST", "/slack/interactions", Scope.SIGNED, presses.slack, presses.prove_slack),
        Route("POST", "/telegram/updates", Scope.SIGNED, presses.telegram, presses.prove_telegram),
    )


def _of_playbooks(playbooks: Playbooks) -> tuple[Route, ...]:
    path = f"/api/v1/playbooks/{_NAME}"
    return (
        Route("GET", "/api/v1/playbooks", Scope.READ, playbooks.list),
        Route("GET", path, Scope.READ, playbooks.one),
        Route("POST", f"{path}/promote", Scope.OPERATE, playbooks.promote),
        Route("POST", f"{path}/demote", Scope.OPERATE, playbooks.demote),
    )
