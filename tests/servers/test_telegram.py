"""That the stand-in is Telegram where it matters: python-telegram-bot says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    ReplyParameters,
    Update,
)
from telegram.error import BadRequest, ChatMigrated, InvalidToken, RetryAfter

from tests.servers.telegram import CHAT, SECRET, TOKEN, TelegramStandIn, seen, telegram_stand_in


@asynccontextmanager
async def official() -> AsyncIterator[tuple[TelegramStandIn, Bot]]:
    async with telegram_stand_in() as telegram, Bot(TOKEN, f"{telegram.url}/bot") as bot:
        yield telegram, bot


async def test_it_posts_replies_edits_and_answers() -> None:
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("Approve", callback_data="a:1")]])
    async with official() as (telegram, bot):
        root = await bot.send_message(CHAT, "<b>a</b> &amp; b", "HTML", reply_markup=keys)
        reply = ReplyParameters(root.message_id)
        await bot.send_message(CHAT, "reply", reply_parameters=reply)
        await bot.edit_message_text("changed", CHAT, root.message_id)
        assert await bot.answer_callback_query("1", "done")
        assert [one.text for one in telegram.posted] == ["changed", "reply"]
        assert telegram.posted[1].replies_to == root.message_id
        assert root.text == "a & b"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "text is empty"),
        ("a" * 4097, "too long"),
        ("<b>a", "can't parse entities"),
        ("<script>a</script>", "can't parse entities"),
        ("a < b", "can't parse entities"),
        ("<b><i>a</b></i>", "can't parse entities"),
    ],
)
async def test_what_telegram_refuses_is_refused(text: str, words: str) -> None:
    async with official() as (_, bot):
        with pytest.raises(BadRequest, match=rf"(?i){words}"):
            await bot.send_message(CHAT, text, "HTML")


async def test_a_button_says_at_most_64_bytes() -> None:
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("A", callback_data="é" * 33)]])
    async with official() as (_, bot):
        with pytest.raises(BadRequest, match=r"(?i)BUTTON_DATA_INVALID"):
            await bot.send_message(CHAT, "a", reply_markup=keys)


async def test_the_same_again_is_not_modified_and_what_is_gone_is_not_found() -> None:
    async with official() as (_, bot):
        root = await bot.send_message(CHAT, "a")
        with pytest.raises(BadRequest, match=r"(?i)not modified"):
            await bot.edit_message_text("a", CHAT, root.message_id)
        with pytest.raises(BadRequest, match=r"(?i)message to edit not found"):
            await bot.edit_message_text("a", CHAT, 77)


@pytest.mark.filterwarnings("ignore:Deprecated since version v22.2")  # its own, about a type
async def test_floods_moves_and_strangers_are_told_apart() -> None:
    async with official() as (telegram, bot):
        telegram.allowance = 0
        with pytest.raises(RetryAfter):
            await bot.send_message(CHAT, "a")
        telegram.moved_to = -100777
        with pytest.raises(ChatMigrated) as moved:
            await bot.send_message(CHAT, "a")
        assert moved.value.new_chat_id == -100777
        with pytest.raises(InvalidToken):
            async with Bot("1:wrong", f"{telegram.url}/bot"):
                pytest.fail("it was let in")


async def test_a_webhook_is_set_with_its_secret() -> None:
    async with official() as (telegram, bot):
        await bot.set_webhook("https://h/telegram/updates", secret_token=SECRET)
        assert telegram.webhook["secret_token"] == SECRET
        with pytest.raises(BadRequest, match=r"(?i)HTTPS"):
            await bot.set_webhook("http://h/")


async def test_a_press_is_an_update_that_the_official_client_reads() -> None:
    async with official() as (telegram, bot):
        update = Update.de_json(telegram.update("a:1", user=7001), bot)
        assert update.callback_query is not None
        assert (update.callback_query.data, update.callback_query.from_user.id) == ("a:1", 7001)


async def test_what_was_received_can_be_looked_at() -> None:
    async with official() as (telegram, bot):
        root = await bot.send_message(CHAT, "&lt;script&gt; root", "HTML")
        await bot.send_message(CHAT, "below", reply_parameters=ReplyParameters(root.message_id))
        html = telegram.preview()
    assert "&lt;script&gt; root" in html
    assert html.index("root") < html.index("below")


def test_entities_are_read_once() -> None:
    assert seen("&amp;lt; &#x27;") == "&lt; '"
