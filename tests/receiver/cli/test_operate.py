from __future__ import annotations

import json
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from receiver.cli.operate import _moment, _wanted, behind_dashes
from receiver.cli.show import show
from tests.receiver.cli.test_commands import prunella
from tests.receiver.web.serving import OPERATE, serving

pytestmark = pytest.mark.server  # a process for every command: not for `make check`


def a_token(folder: Path) -> Path:
    file = folder / "token"
    file.write_text(OPERATE)
    return file


async def test_maintenance_is_started_listed_and_ended(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        asked = ("--matcher", 'service="shop"', "--duration", "1h", "--reason", "upgrade")
        code, out, err = await said("maintenance", "start", *asked)
        assert (code, out.split()[:3]) == (0, ["maintenance", "1", "from"]), err
        _, out, _ = await said("maintenance", "list")
        assert 'service="shop"  upgrade  ann' in out
        _, out, _ = await said("maintenance", "end", "1")
        assert out.strip() == "maintenance 1 ended by ann"
        _, out, _ = await said("maintenance", "list", "--json")
        assert json.loads(out) == {"maintenance": []}


async def test_maintenance_is_announced_for_a_time_that_is_to_come(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        said = partial(prunella, url=client.url, token_file=a_token(tmp_path))
        asked = ("--matcher", 'service="shop"', "--duration", "2h", "--reason", "new disks")
        begins = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT%H:%M}"
        code, out, err = await said("maintenance", "start", *asked, "--at", f"{begins}Z")
        assert (code, out.split()[3]) == (0, f"{begins}:00.000Z"), err
        code, _, err = await said("maintenance", "start", *asked, "--at", "tomorrow")
        assert (code, "'tomorrow' is no time such as" in err) == (2, True)


def test_a_time_without_a_zone_is_this_machines() -> None:
    assert (
        datetime.fromisoformat(_moment("2026-12-06T02:00")) == datetime(2026, 12, 6, 2).astimezone()
    )


async def test_a_window_that_is_none_is_refused_with_the_cure(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        asked = ("--matcher", 'a=~".*"', "--duration", "1h", "--reason", "x")
        code, _, err = await prunella(
            "maintenance", "start", *asked, url=client.url, token_file=a_token(tmp_path)
        )
        assert code == 1
        assert "would match everything" in err


async def test_a_repair_that_cannot_be_is_refused_with_what_is_known(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        token = a_token(tmp_path)
        code, _, err = await prunella("repair", "ship", "x", url=client.url, token_file=token)
        assert code == 1
        assert "there is no target 'ship' (did you mean shop?); known: cache, shop" in err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("up_for=5s", {"up_for": "5s"}),
        ("max_keys=10 note=a=b", {"max_keys": 10, "note": "a=b"}),
        ('patterns=["a:*"]', {"patterns": ["a:*"]}),
        ("--up-for 5s --dry-run", {"up_for": "5s", "dry_run": True}),
        ("--max-keys=10 --note a", {"max_keys": 10, "note": "a"}),
        ("", {}),
    ],
)
def test_options_of_a_repair_are_json_or_text(words: str, wanted: dict[str, object]) -> None:
    assert _wanted(words.split()) == wanted


@pytest.mark.parametrize(
    "before", ["repair api restart --json", "repair --json api restart", "repair api restart"]
)
def test_what_follows_two_dashes_is_the_actions(before: str) -> None:
    asked = [*before.split(), "--", "up_for=5s", "--", "x"]
    assert behind_dashes(asked) == (before.split(), ["up_for=5s", "--", "x"])


async def test_an_option_without_a_value_is_said_so(tmp_path: Path) -> None:
    asked = ("repair", "api", "restart", "--", "up_for")
    code, _, err = await prunella(*asked, url="http://127.0.0.1:1")
    assert code == 2
    assert "say key=value" in err


def test_what_an_alert_says_is_no_order_for_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = {"incidents": [{"title": "\x1b[2Jowned\nline"}], "n": 1}
    show(Namespace(json=False), answer, lambda said: str(said["incidents"][0]["title"]))
    assert capsys.readouterr().out == "\\u001b[2Jowned\\u000aline\n"
