"""Every message links a runbook: the alert's own address, else the page that we serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.outside.runbooks import runbook_file, runbook_link

OURS = {"alertname": "HighErrorRate"}
BASE = "https://prunella.example"


def test_what_the_alert_says_goes_first() -> None:
    said = {"runbook_url": "https://wiki.example/x"}
    assert runbook_link(OURS, said, None, BASE) == "https://wiki.example/x"
    assert runbook_link(OURS, said, None, None) == "https://wiki.example/x"


@pytest.mark.parametrize("said", [{}, {"runbook_url": "javascript:alert(1)"}, {"runbook_url": ""}])
def test_an_alert_that_says_nothing_usable_gets_our_page(said: dict[str, str]) -> None:
    assert runbook_link(OURS, said, None, BASE) == f"{BASE}/runbooks/HighErrorRate"
    assert runbook_link(OURS, said, None, "") == "/runbooks/HighErrorRate"
    assert runbook_link(OURS, said, None, None) is None


def test_the_operators_folder_is_asked_first(tmp_path: Path) -> None:
    for name in ("HighErrorRate", "OurOwn"):
        (tmp_path / f"{name}.md").write_text("# Ours")
        assert runbook_file(name, tmp_path) == tmp_path / f"{name}.md"
    found = runbook_file("RedisDown", tmp_path)
    assert found is not None
    assert found.parent != tmp_path


@pytest.mark.parametrize("name", ["NobodyWroteOne", "../README", "a/b", "", "x" * 300, "a\n"])
def test_what_nobody_wrote_or_is_no_name_has_none(name: str) -> None:
    assert runbook_link({"alertname": name}, {}, None, BASE) is None
