"""The README's promises, kept by doing them as they stand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from prunella.service.reload import Live
from prunella.service.settings import load
from receiver.actions.base import Action, Effect
from receiver.app import receiver
from receiver.settings import ReceiverSettings
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.rig import HandClock, ToldHttp, ToldPrograms

README = (Path(__file__).parents[2] / "README.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


async def test_the_smallest_config_works_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "receiver.yml"
    file.write_text(_blocks("yaml")[0])
    live = Live(lambda: load(ReceiverSettings, file, {}))
    async with receiver(live, tmp_path) as service:
        assert service.listen.loopback
    assert (tmp_path / "prunella.db").exists()


def test_the_second_config_is_valid_beside_the_first(tmp_path: Path) -> None:
    token = tmp_path / "webhook_token"
    token.write_text("x" * 32)
    first, second = _blocks("yaml")[:2]
    merged = first.split("playbooks:")[0] + second.replace(
        "/etc/prunella/webhook_token", str(token)
    )
    file = tmp_path / "receiver.yml"
    file.write_text(merged)
    assert load(ReceiverSettings, file, {}).mode == "auto"


def test_the_example_delivery_is_one() -> None:
    body = re.search(r"-d '(\{.*?\})'", README, re.DOTALL)
    assert body is not None
    assert json.loads(body[1])["alerts"][0]["labels"]["service"] == "shop"


async def test_the_action_in_fourteen_lines_is_one() -> None:
    names: dict[str, Any] = {}
    exec(compile(_blocks("python")[0], "touch.py", "exec"), names)  # noqa: S102 - the README's own code
    action: Action = names["Touch"].model_validate({"file": "/srv/shop/reload"})
    programs = ToldPrograms()
    effect = Effect(
        action_id="a",
        episode="e",
        step="s",
        kind="touch",
        target=Target(name="shop"),
        fence=1,
        timeout=5,
    )
    said = await action.run(effect, Tools(HandClock(), ToldHttp(), programs))
    assert programs.asked == [("/usr/bin/touch", "--", "/srv/shop/reload")]
    assert said.text == "touched /srv/shop/reload"


def test_the_action_has_fourteen_lines_that_say_something() -> None:
    lines = [line for line in _blocks("python")[0].splitlines() if line.strip()]
    assert len(lines) <= 14


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:docs/|CONT|CHANGE)[\w/.-]*)`", README)))
)
def test_what_the_readme_points_to_exists(path: str) -> None:
    assert (Path(__file__).parents[2] / path).exists()
