"""What the ledger shows to Prometheus: a few series for each target of the config, whatever CI calls its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prunella.metrics import Gauge
from receiver import metrics
from receiver.decide.launch import LaunchWatch, phase
from receiver.decide.matchers import Op
from receiver.decide.regression import Finding
from receiver.decide.release import Release, ReleaseState, current, frozen, in_flight
from receiver.decide.watching import Launch
from receiver.stages.context import Context
from receiver.stages.gauges import Shifting
from receiver.targets import Target

GRAVITY = {Finding.PASS: 0.0, Finding.INCONCLUSIVE: 1.0, Finding.DEGRADED: 2.0}


def service_of(target: Target) -> str:
    """What its alerts are labelled with: the service that it matches, else its own name."""
    services = (
        one.value for one in target.matchers if one.name == "service" and one.op is Op.EQUAL
    )
    return next(services, target.name) or target.name


def watched_in(release: Release, watch: LaunchWatch, now: float) -> int | None:
    """The phase of the launch watch that it is in; None when it is not watched."""
    if release.state is not ReleaseState.WATCHING or not release.serves:
        return None
    seen = phase(watch.phases, release.deployed_at, now)
    return None if seen is None else seen.phase


GAUGES = (
    metrics.RELEASE_INFO,
    metrics.RELEASE_TIMESTAMP,
    metrics.LAUNCH_PHASE,
    metrics.LAUNCH_BASELINE,
    metrics.LAUNCH_LIMIT,
    metrics.LAUNCH_VERDICT,
    metrics.DEPLOY_IN_PROGRESS,
    metrics.DEPLOYS_FROZEN,
)


class ReleaseGauges:
    """Shows what serves, and takes away what served before."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._gauges = Shifting(GAUGES)

    async def show(self) -> None:
        """Once; what the config names no longer is not shown any more."""
        ledger = await self._context.journal.serving()
        now, settings = self._context.now(), self._context.settings()
        series: dict[Gauge, dict[tuple[str, ...], float]] = {gauge: {} for gauge in GAUGES}
        for target in settings.targets.values():
            releases = [one for one in ledger if one.target == target.name]
            _add(series, target, releases, now)
            _add_phase(series[metrics.LAUNCH_PHASE], target, releases, settings.launch_watch, now)
        for launch in await self._context.journal.watches():
            if (of := settings.targets.get(launch.release.target)) is not None:
                _add_launch(series, of, launch, settings.launch_watch)
        self._gauges.show(series)


def _add(
    series: Mapping[Gauge, dict[tuple[str, ...], float]],
    target: Target,
    releases: Sequence[Release],
    now: float,
) -> None:
    service, serving = service_of(target), current(releases)
    flying = series[metrics.DEPLOY_IN_PROGRESS]
    deploys = float(in_flight(releases, now) is not None)
    flying[(service,)] = max(deploys, flying.get((service,), 0.0))
    if target.release is not None:
        shut = float(frozen(releases) is not None)
        series[metrics.DEPLOYS_FROZEN][(service, target.name)] = shut
    if serving is None:
        return
    of_it = (service, target.name, serving.version)
    series[metrics.RELEASE_INFO][(*of_it, serving.commit or "")] = 1.0
    series[metrics.RELEASE_TIMESTAMP][of_it] = serving.deployed_at


def _add_phase(
    series: dict[tuple[str, ...], float],
    target: Target,
    releases: Sequence[Release],
    watch: LaunchWatch,
    now: float,
) -> None:
    if (serving := current(releases)) is not None:
        of_it = (service_of(target), target.name, serving.version)
        series[of_it] = float(watched_in(serving, watch, now) or 0)


def _add_launch(
    series: Mapping[Gauge, dict[tuple[str, ...], float]],
    target: Target,
    launch: Launch,
    watch: LaunchWatch,
) -> None:
    """Of what serves only: what was replaced a moment ago has nothing to say of now."""
    if not launch.release.serves:
        return
    of_it = (service_of(target), target.name, launch.release.version)
    for name, base in (launch.baseline or {}).items():
        series[metrics.LAUNCH_BASELINE][(*of_it, name)] = base.value
        series[metrics.LAUNCH_LIMIT][(*of_it, name)] = watch.threshold(name).limit(base.value)
    if launch.last is not None:
        series[metrics.LAUNCH_VERDICT][of_it] = GRAVITY[launch.last.finding]
