"""Without a journal to write to, whoever asks is told to come again: programs in JSON, people by a page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from receiver.journal import JournalUnavailable
from receiver.web.patience import promptly
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


async def test_nobody_looks_at_an_empty_window_for_long() -> None:
    given_up = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    with pytest.raises(JournalUnavailable, match="no answer within"):
        await promptly(hang(), 0.01)
    await given_up.wait()  # it is not left to hang for ever
