from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.receiver.rig import CONFIG
from tests.receiver.web.serving import READ, WEBHOOK, Answer, Client, serving
from tests.servers.process import until

PATH, POINTS = "/api/v1/releases", "/api/v1/restore-points"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
HOSTILE = [
    *("", " v1", "v1 ", "-rf", "--to", ".", "..", "a..b", "a/b", "/etc/passwd", "a\\b", "x" * 201),
    *("v1\n", "v1\0", "v\x1b[31m", "v\u202e1", "\ud800"),
]


async def say(client: Client, state: str, version: str = "v1", **more: Any) -> Answer:
    body = {"target": "shop", "version": version, "state": state, **more}
    return await client.ask("POST", PATH, data=json.dumps(body).encode())


async def ledger(client: Client, **query: str) -> Any:
    return (await client.ask("GET", f"{PATH}?{urlencode(query)}", token=READ)).json


async def point(client: Client, **body: Any) -> Answer:
    return await client.ask("POST", POINTS, data=json.dumps({"target": "shop", **body}).encode())


async def test_a_deploy_is_told_and_listed_as_the_contract_says(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        begun = await say(client, "started", commit=COMMIT, compatible_down_to="v0")
        assert (begun.status, begun.json["state"], begun.json["phase"]) == (200, "deploying", None)
        await say(client, "finished")
        (row,) = await ledger(client)
        assert row["deployed_at"].endswith("Z")
        kept = {"target", "version", "commit", "state", "known_good", "phase", "serves", "by"}
        assert {key: row[key] for key in kept} == {
            "target": "shop",
            "version": "v1",
            "commit": COMMIT,
            "state": "watching",
            "known_good": False,
            "phase": 1,
            "serves": True,
            "by": "ann",
        }
        assert (row["proven_at"], row["stable_at"]) == (None, None)


async def test_a_commit_may_be_as_short_as_git_ever_writes_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert (await say(client, "started", commit="ABC1")).json["commit"] == "abc1"


async def test_the_ledger_is_listed_newest_first_by_target_version_and_number(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as client:
        for version in ("v1", "v2", "v3"):
            await say(client, "finished", version)
        assert [row["version"] for row in await ledger(client)] == ["v3", "v2", "v1"]
        assert [row["version"] for row in await ledger(client, limit="1")] == ["v3"]
        assert [row["version"] for row in await ledger(client, version="v2")] == ["v2"]
        assert await ledger(client, target="cache") == []


@pytest.mark.parametrize("version", ["", " v1", "v1\n", "x" * 201, "a/b"])
async def test_of_what_is_no_version_nobody_is_told_that_nothing_is_known(
    tmp_path: Path, version: str
) -> None:
    async with serving(tmp_path) as client:
        query = urlencode({"target": "shop", "version": version})
        answer = await client.ask("GET", f"{PATH}?{query}")
        assert (answer.status, answer.json["reason"]) == (422, "wrong_shape")


async def test_a_limit_that_is_no_number_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.ask("GET", f"{PATH}?limit=many")
        assert (answer.status, answer.json["reason"]) == (400, "bad_query")


async def test_a_second_deploy_has_to_wait_and_the_same_one_is_said_twice(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await say(client, "started")
        again, other = await say(client, "started"), await say(client, "started", "v2")
        assert again.status == 200
        assert (other.status, other.json["reason"]) == (409, "deploy_in_flight")
        assert "release finished" in other.json["error"]
        assert len(await ledger(client)) == 1


async def test_what_serves_becomes_a_restore_point(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert (await point(client)).status == 404
        await say(client, "finished")
        marked = await point(client)
        assert (marked.status, marked.json["known_good"]) == (200, True)
        await say(client, "finished", "v2")
        assert (await point(client, version="v9")).status == 404
        assert [row["known_good"] for row in await ledger(client)] == [False, True]


async def test_a_quarantined_version_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await say(client, "finished")
        assert (await say(client, "quarantined")).json["state"] == "quarantined"
        refused = await say(client, "started")
        assert (refused.status, refused.json["reason"]) == (409, "quarantined")
        assert (await point(client, version="v1")).status == 409


@pytest.mark.parametrize("version", HOSTILE)
async def test_a_hostile_version_is_refused_everywhere(tmp_path: Path, version: str) -> None:
    async with serving(tmp_path) as client:
        answers = [
            await say(client, "started", version),
            await say(client, "started", "v1", compatible_down_to=version),
            await point(client, version=version),
        ]
        assert {answer.status for answer in answers} <= {400, 422}
        assert await ledger(client) == []


@pytest.mark.parametrize("version", ["v1", "1.2.3-rc.1+build", "x" * 200, "2026-11-21 a", "é"])
async def test_a_version_is_any_other_word(tmp_path: Path, version: str) -> None:
    async with serving(tmp_path) as client:
        assert (await say(client, "finished", version)).json["version"] == version


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"state": "stable"}, "state: "),
        ({"state": "rolled_back"}, "state: "),
        ({"commit": "abc"}, "hexadecimal"),
        ({"commit": "HEAD"}, "hexadecimal"),
        ({"commit": "--all"}, "hexadecimal"),
        ({"commit": "a" * 65}, "hexadecimal"),
        ({"version": 5}, "version: "),
        ({"target": ["shop"]}, "target: "),
        ({"target": "ship"}, "there is no target 'ship' (did you mean shop?); known: "),
        ({"target": "x" * 100_000}, "there is no target"),
        ({"force": True}, "force: unknown key"),
    ],
)
async def test_what_cannot_be_said_is_422_with_its_reason(
    tmp_path: Path, body: dict[str, Any], said: str
) -> None:
    async with serving(tmp_path) as client:
        whole = {"target": "shop", "version": "v1", "state": "started", **body}
        answer = await client.ask("POST", PATH, data=json.dumps(whole).encode())
        assert answer.status == 422
        assert said in answer.json["error"]
        assert len(answer.text) < 4000


async def test_a_target_that_nobody_knows_is_not_one_without_releases(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        answer = await client.ask("GET", f"{PATH}?target=ship")
        assert (answer.status, answer.json["reason"]) == (404, "unknown_target")


@pytest.mark.parametrize(("token", "status"), [(None, 401), (READ, 403), (WEBHOOK, 403)])
async def test_only_operators_may_say_anything(
    tmp_path: Path, token: str | None, status: int
) -> None:
    async with serving(tmp_path) as client:
        for path in (PATH, POINTS):
            assert (await client.ask("POST", path, token=token, data=b"{}")).status == status
        listed = await client.ask("GET", PATH, token=token)
        assert listed.status == (200 if token == READ else status)


async def test_the_gauges_show_what_serves_and_forget_what_did(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await say(client, "finished", "v1", commit=COMMIT)
        await say(client, "started", "v2")

        async def text() -> str:
            return (await client.ask("GET", "/metrics")).text

        async def deploys() -> bool:
            return 'prunella_deploy_in_progress{service="shop"} 1.0' in await text()

        async def second() -> bool:
            return 'prunella_launch_phase{service="shop",target="shop",version="v2"} 1.0' in (
                await text()
            )

        await until(deploys, "the deploy in the gauge", deadline=10)
        labels = f'commit="{COMMIT}",service="shop",target="shop",version="v1"'
        assert f"prunella_release_info{{{labels}}} 1.0" in await text()
        await say(client, "finished", "v2")
        await until(second, "the second version in the gauge", deadline=10)
        shown = await text()
        assert 'version="v1"' not in shown
        assert 'prunella_deploy_in_progress{service="shop"} 0.0' in shown


IMAGE, DIGEST = "registry.example.com/team/shop", "sha256:" + "1" * 64
OF_IMAGES = {
    **CONFIG["targets"],
    "shop": {
        "release": {
            "strategy": "compose",
            "path": "/srv/shop",
            "project": "shop",
            "file": "/srv/shop/compose.yml",
            "service": "web",
            "image": IMAGE,
        }
    },
}


async def test_the_versions_of_a_compose_target_are_digests_however_they_are_written(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, targets=OF_IMAGES) as client:
        await say(client, "started", f"{IMAGE}:v1@{DIGEST}", compatible_down_to=f"{IMAGE}@{DIGEST}")
        await say(client, "finished", DIGEST)
        (row,) = await ledger(client, target="shop", version=f"{IMAGE}@{DIGEST}")
        assert (row["version"], row["state"]) == (DIGEST, "watching")
        assert row["compatible_down_to"] == DIGEST
        assert (await point(client, version=f"{IMAGE}@{DIGEST}")).json["version"] == DIGEST


@pytest.mark.parametrize("version", ["v1", "latest", f"other@{DIGEST}", DIGEST[:-1], "x" * 401])
async def test_what_is_no_digest_of_its_image_is_no_version_of_a_compose_target(
    tmp_path: Path, version: str
) -> None:
    async with serving(tmp_path, targets=OF_IMAGES) as client:
        answers = [await say(client, "started", version), await point(client, version=version)]
        assert {(one.status, one.json["reason"]) for one in answers} == {(422, "wrong_shape")}
        query = urlencode({"target": "shop", "version": version})
        assert (await client.ask("GET", f"{PATH}?{query}")).status == 422
        assert await ledger(client) == []


async def test_where_versions_are_no_images_a_reference_is_none(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert (await say(client, "started", f"{IMAGE}@{DIGEST}")).status == 422
