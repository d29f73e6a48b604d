"""Which image runs is what proves a version; what the app says of itself has to fit to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.tools import Finished, OutsideError, Response
from receiver.version_proof import Reading
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, a_toolbox
from tests.receiver.strategies.one_image import DENIED, ID, NAME, V1, V2, a_facet, an_engine


async def proof(folder: Path, programs: StandInPrograms, says: str | None = None) -> Reading:
    version = {} if says is None else {"version": {"url": "http://h/v", "json": "v"}}
    http = StandInHttp(Response(200, f'{{"v": "{says}"}}'.encode()))
    facet = a_facet(folder, **version)
    return await facet.running(None, a_toolbox(programs=programs, http=http))


async def test_the_image_that_runs_is_named_by_what_was_asked_for(tmp_path: Path) -> None:
    many = (f"{NAME}@{V2}", f"{NAME}@{V1}", f"elsewhere/shop@{'sha256:' + '3' * 64}")
    reading = await proof(tmp_path, an_engine(digests=many))
    assert reading.version == V1
    assert reading.is_of(V1) is reading.is_of(V2) is reading.is_of(ID) is True
    assert reading.is_of("sha256:" + "3" * 64) is False


async def test_what_was_never_pushed_is_named_by_its_id(tmp_path: Path) -> None:
    reading = await proof(tmp_path, an_engine(digests=(), asked_for="shop:latest"))
    assert reading.version == ID


@pytest.mark.parametrize("image", ["docker.io/library/redis", "library/redis", "redis"])
async def test_the_engine_shortens_the_names_of_its_own_registry(
    tmp_path: Path, image: str
) -> None:
    facet = a_facet(tmp_path, image=image)
    programs = an_engine(digests=(f"redis@{V1}",), asked_for="redis:7")
    assert (await facet.running(None, a_toolbox(programs=programs))).version == V1


@pytest.mark.parametrize(
    ("says", "proven"), [(V1, True), ("1.4.2", True), ("c0ffee1", True), ("1.4.1", False)]
)
async def test_what_the_app_says_has_to_fit_to_the_image(
    tmp_path: Path, says: str, proven: bool
) -> None:
    labels = (
        '{"org.opencontainers.image.version":"1.4.2","org.opencontainers.image.revision":"c0ffee1"}'
    )
    reading = await proof(tmp_path, an_engine(labels=labels), says)
    assert reading.is_of(V1) is proven


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"ps": Finished(1, "no such service: web")}, "has no service web"),
        ({"ps": Finished(0, "")}, "no container of web runs"),
        ({"ps": Finished(1, DENIED)}, "the group `docker`"),
        ({"image": Finished(1, "Error: No such image: x")}, "has not the image"),
        ({"image": Finished(0, "PASSWORD=c4nary")}, "has not the image"),
        ({"image": Finished(0, '{"id":c4nary')}, "printed no JSON"),
        ({"image": Finished(0, '{"id":"c4nary"}')}, "did not print what was asked for"),
        ({"image": OutsideError("cannot start docker", sent=False)}, "cannot start"),
    ],
)
async def test_what_cannot_be_seen_is_not_known(
    tmp_path: Path, answers: dict[str, Finished | OutsideError], why: str
) -> None:
    reading = await proof(tmp_path, an_engine(answers=answers))
    assert reading.is_of(V1) is None
    assert why in reading.detail
    assert "c4nary" not in reading.detail
