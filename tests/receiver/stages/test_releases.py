"""What the ledger shows to Prometheus is bounded by the config, and is of now."""

from __future__ import annotations

import pytest
from prometheus_client.samples import Sample

from prunella.metrics import Gauge
from receiver import metrics
from receiver.decide.ledger import Deploy, finished, quarantined, started
from receiver.stages.releases import ReleaseGauges, service_of
from receiver.targets import Target
from tests.receiver.rig import Rig, rig

HOUR = 3600.0


def shown(gauge: Gauge) -> list[tuple[dict[str, str], float]]:
    samples: list[Sample] = [one for family in gauge.collect() for one in family.samples]
    return [(one.labels, one.value) for one in samples]


def of_shop(gauge: Gauge) -> list[float]:
    return [value for labels, value in shown(gauge) if labels["service"] == "shop"]


def a_deploy(made: Rig, version: str = "v1", target: str = "shop") -> Deploy:
    return Deploy(target, version, "ci", made.context.now())


async def test_the_phase_goes_on_with_time_and_ends() -> None:
    async with rig() as made:
        gauges = ReleaseGauges(made.context)
        await made.journal.enter("shop", finished(a_deploy(made)), made.context.now())
        for hours, phase in ((0.0, 1), (7.0, 2), (20.0, 3), (60.0, 0)):
            made.clock.at += hours * HOUR
            await gauges.show()
            assert of_shop(metrics.LAUNCH_PHASE) == [phase]


async def test_a_deploy_that_died_holds_nothing_back_for_ever() -> None:
    async with rig() as made:
        gauges = ReleaseGauges(made.context)
        await made.journal.enter("shop", started(a_deploy(made)), made.context.now())
        await gauges.show()
        assert of_shop(metrics.DEPLOY_IN_PROGRESS) == [1.0]
        made.clock.at += HOUR
        await gauges.show()
        assert of_shop(metrics.DEPLOY_IN_PROGRESS) == [0.0]


async def test_what_is_quarantined_is_shown_while_it_serves_and_not_watched() -> None:
    async with rig() as made:
        await made.journal.enter("shop", finished(a_deploy(made)), made.context.now())
        await made.journal.enter("shop", quarantined(a_deploy(made)), made.context.now())
        await ReleaseGauges(made.context).show()
        assert of_shop(metrics.RELEASE_INFO) == [1.0]
        assert of_shop(metrics.LAUNCH_PHASE) == [0.0]


async def test_however_many_versions_there_were_one_is_shown() -> None:
    async with rig() as made:
        gauges = ReleaseGauges(made.context)
        for number in range(20):
            deploy = a_deploy(made, f"v{number}")
            await made.journal.enter("shop", finished(deploy), made.context.now())
            await gauges.show()
        assert [labels["version"] for labels, _ in shown(metrics.RELEASE_INFO)] == ["v19"]
        assert of_shop(metrics.RELEASE_TIMESTAMP) == [made.context.now()]


async def test_a_target_that_the_config_does_not_name_is_not_shown() -> None:
    async with rig() as made:
        deploy = a_deploy(made, target="gone")
        await made.journal.enter("gone", finished(deploy), made.context.now())
        await ReleaseGauges(made.context).show()
        assert all(labels["target"] != "gone" for labels, _ in shown(metrics.RELEASE_INFO))


@pytest.mark.parametrize(
    ("matchers", "service"),
    [
        (['service="web"'], "web"),
        (['service=~"a|b"'], "api"),
        (['job="x"', 'service="web"'], "web"),
        ([], "api"),
    ],
)
def test_a_target_stands_for_the_service_that_it_matches(matchers: list[str], service: str) -> None:
    assert service_of(Target.model_validate({"name": "api", "matchers": matchers})) == service
