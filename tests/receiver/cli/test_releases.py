from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from receiver.cli.releases import releases_table
from tests.receiver.cli.test_commands import prunella
from tests.receiver.cli.test_operate import a_token
from tests.receiver.web.serving import serving


@pytest.mark.server
async def test_a_deploy_is_told_in_one_line_of_its_script(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        code, out, err = await said("release", "started", "shop", "v1", "--commit", "abcdef0")
        assert (code, out.strip()) == (0, "shop v1 is deploying"), err
        code, _, err = await said("release", "started", "shop", "v2")
        assert (code, "deploy of v1 on shop has begun" in err) == (1, True)
        code, out, _ = await said("release", "finished", "shop", "v1", "--json")
        assert (json.loads(out)["state"], json.loads(out)["commit"]) == ("watching", "abcdef0")
        _, out, _ = await said("restore-point", "shop")
        assert out.strip() == "v1 on shop is a restore point"
        _, out, _ = await said("releases", "shop")
        assert out.splitlines()[1].split()[:4] == ["*", "shop", "v1", "watching"]
        assert out.strip().endswith("good, launch watch, phase 1")


@pytest.mark.server
async def test_a_pipeline_can_ask_whether_a_version_may_be_deployed(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        code, out, _ = await said("release", "check", "shop", "v1")
        assert (code, out.strip()) == (0, "v1 on shop may be deployed")
        await said("release", "quarantined", "shop", "v1")
        code, out, _ = await said("release", "check", "shop", "v1", "--json")
        assert (code, json.loads(out)["quarantined"]) == (1, True)
        assert (await said("release", "check", "shop", ""))[:2] == (1, "")
        code, _, err = await said("release", "check", "ship", "v1")
        assert (code, "there is no target 'ship' (did you mean shop?)" in err) == (1, True)


@pytest.mark.server
async def test_an_option_is_no_version(tmp_path: Path) -> None:
    code, _, err = await prunella("release", "started", "shop", "-rf", url="http://127.0.0.1:1")
    assert (code, "usage: " in err) == (2, True)


@pytest.mark.server
@pytest.mark.parametrize("words", [("started", "shop", "v1"), ("report", "shop")])
async def test_what_stands_behind_two_dashes_is_not_swallowed(words: tuple[str, ...]) -> None:
    code, _, err = await prunella("release", *words, "--", "v2", url="http://127.0.0.1:1")
    assert (code, "behind `--`" in err) == (2, True)


def test_proven_to_be_its_version_is_not_shown_as_unproven() -> None:
    words = dict.fromkeys(("target", "version", "state", "deployed_at", "by"), "v1")
    flags = dict.fromkeys(("known_good", "quarantined", "frozen_at", "phase", "serves"), False)
    row = {**words, **flags, "rollback": True, "verdict": "pass", "outcome": "unproven"}
    assert releases_table([row]).endswith("by a rollback, not proven good")


def test_an_empty_ledger_says_so() -> None:
    assert releases_table([]) == "no releases"


@pytest.mark.server
async def test_a_rollback_that_the_ledger_speaks_against_says_so(tmp_path: Path) -> None:
    facet = {"strategy": "symlink", "path": "/srv/shop", "version": {"cwd": True}}
    process = {"manager": "command", "restart": ["true"], "reload": ["true"]}
    shop = {"matchers": ['service="shop"'], "release": facet, "process": process}
    async with serving(tmp_path, targets={"shop": shop}, playbooks=[]) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        code, _, err = await said("rollback", "shop", "--to", "v1")
        assert (code, "knows no release of shop" in err) == (1, True)
        code, _, err = await said("release", "unfreeze", "shop")
        assert (code, "deploys of shop are not frozen" in err) == (1, True)
