"""Without a journal to write to, whoever asks is told to come again: programs in JSON, people by a page."""

from __future__ import annotations

from pathlib import Path

from tests.receiver.console.visiting import visiting
from tests.receiver.web.serving import locked, serving


async def test_a_word_that_cannot_be_written_down_is_for_later(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        with locked(tmp_path / "journal.db"):
            answer = await client.ask("POST", "/api/v1/pause", data=b'{"reason": "storm"}')
        again = await client.ask("POST", "/api/v1/pause", data=b'{"reason": "storm"}')
    assert (answer.status, answer.json["reason"]) == (503, "journal_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert again.status == 200


async def test_a_person_is_told_so_by_a_page(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        await browser.login(then="/")
        form = (await browser.open("/")).form("/pause")
        with locked(tmp_path / "journal.db"):
            seen = await browser.send("/pause", {**form, "reason": "storm"})
    assert seen.status == 503
    assert "Journal unavailable" in seen.markup.text
