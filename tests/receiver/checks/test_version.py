from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from receiver.checks import parse_check
from receiver.checks.base import Scene
from receiver.checks.version import VersionServes
from receiver.decide.verdict import Outcome, Sample
from receiver.targets import Target
from receiver.tools import Due, OutsideError, Response, Tools
from tests.receiver.stand_ins import StandInHttp, a_toolbox

DIGEST = "sha256:" + "1" * 64


def by_the_ledger(
    version: str | None, coming: str | None = None
) -> Callable[[str], Awaitable[Due]]:
    async def due(target: str) -> Due:
        assert target == "shop"
        return Due(version, coming)

    return due


def a_target(**release: Any) -> Target:
    version = {"url": "http://h/version", "json": "version"}
    facet = {"strategy": "symlink", "path": "/srv/shop", "version": version, **release}
    return Target.model_validate({"name": "shop", "release": facet})


def tools_that_see(answer: str | OutsideError) -> Tools:
    said = answer
    if isinstance(said, OutsideError):
        return a_toolbox(http=StandInHttp(said))
    return a_toolbox(http=StandInHttp(Response(200, f'{{"version": "{said}"}}'.encode())))


async def look(
    answer: str | OutsideError, due: Callable[[str], Awaitable[Due]], check: object = "target"
) -> Sample:
    tools = replace(tools_that_see(answer), due=due)
    return await parse_check({"version": check}).sample(Scene(a_target(), ()), tools)


async def test_what_went_live_last_and_serves_passes() -> None:
    sample = await look("v2", by_the_ledger("v2"))
    assert sample == Sample(Outcome.PASS, "v2 serves: `version` says v2")


async def test_another_version_is_a_failure_whatever_else_is_well() -> None:
    sample = await look("v1", by_the_ledger("v2"))
    assert sample == Sample(Outcome.FAIL, "`version` says v1, wanted v2")


async def test_what_cannot_be_read_is_no_data() -> None:
    sample = await look(OutsideError("GET http://h: no answer within 5 s"), by_the_ledger("v2"))
    assert sample == Sample(Outcome.NO_DATA, "GET http://h: no answer within 5 s")


async def test_without_a_release_in_the_ledger_there_is_nothing_to_hold_it_against() -> None:
    assert (await look("v1", by_the_ledger(None))).outcome is Outcome.NO_DATA
    assert (await look("v1", by_the_ledger(None, coming="v1"))).outcome is Outcome.NO_DATA


@pytest.mark.parametrize(
    ("serves", "outcome"), [("v1", Outcome.PASS), ("v2", Outcome.NO_DATA), ("v3", Outcome.NO_DATA)]
)
async def test_while_a_deploy_is_under_way_another_version_is_no_failure(
    serves: str, outcome: Outcome
) -> None:
    assert (await look(serves, by_the_ledger("v1", coming="v2"))).outcome is outcome


@pytest.mark.parametrize("check", ["v7", {"serves": "v7"}])
async def test_a_version_may_be_named_whatever_the_ledger_says(check: object) -> None:
    assert (await look("v7", by_the_ledger("v1", coming="v8"), check)).outcome is Outcome.PASS
    assert (await look("v1", by_the_ledger("v1"), check)).outcome is Outcome.FAIL


async def test_a_word_that_is_no_version_of_the_target_is_no_data() -> None:
    sample = await look("v1", by_the_ledger("v1"), "a/b")
    assert (sample.outcome, "must not hold" in sample.detail) == (Outcome.NO_DATA, True)


async def test_a_target_without_releases_cannot_be_judged() -> None:
    check = VersionServes()
    sample = await check.sample(Scene(Target(name="shop"), ()), a_toolbox())
    assert sample.outcome is Outcome.NO_DATA
    assert check.needs() == "release"
    assert check.direct


@pytest.mark.parametrize("options", ["", {"serves": ""}, {"is": "v1"}, None, 3, {"serves": []}])
def test_a_check_that_makes_no_sense_is_refused(options: object) -> None:
    with pytest.raises(ValidationError):
        parse_check({"version": options})
