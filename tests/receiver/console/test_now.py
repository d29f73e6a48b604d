"""The first page: what is wrong, what waits, what holds back; and the switch."""

from __future__ import annotations

from pathlib import Path

from tests.receiver.console.happening import asking, deliver, incident
from tests.receiver.console.visiting import browsing, visiting
from tests.receiver.rig import firing
from tests.receiver.web.serving import OPERATE, READ


async def test_a_quiet_night_is_said_in_one_line(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        page = await browser.login(then="/")
    assert "Nothing is wrong that Prunella knows of." in page.markup.text
    assert "No Prometheus is configured." in page.markup.text


async def test_what_waits_for_a_word_comes_first_with_its_buttons(tmp_path: Path) -> None:
    async with asking(tmp_path) as (browser, client):
        await deliver(client, firing("cache", labels={"alertname": "Unknown"}))
        page = await browser.open("/")
        text = page.markup.text
        assert "2 open incidents , 1 waits for an approval" in text
        assert text.index("AWAITING APPROVAL") < text.index("ESCALATED")
        after = await browser.press(page, "/incidents/1/deny")
        assert after.path.startswith("/incidents/1?said=deny.")
        assert (await incident(client))["state"] == "ESCALATED"


async def test_who_may_only_read_can_press_nothing(tmp_path: Path) -> None:
    async with asking(tmp_path, token=READ) as (browser, _):
        page = await browser.open("/")
    assert [to for to, _ in page.markup.forms] == ["/logout"]


async def test_the_switch_is_thrown_with_a_reason_and_back(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, client):
        page = await browser.login(then="/")
        paused = await browser.press(page, "/pause", reason="<b>we deploy</b>")
        assert "<b>we deploy</b>" in paused.markup.text
        status = (await client.ask("GET", "/api/v1/status")).json
        assert (status["paused"], "we deploy" in status["paused_why"]) == (True, True)
        resumed = await browser.press(paused, "/resume")
        assert resumed.path.startswith("/?said=resume.")
        assert not (await client.ask("GET", "/api/v1/status")).json["paused"]


async def test_a_page_says_nothing_of_the_switch_that_is_so_no_more(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        page = await browser.login(then="/")
        paused = await browser.press(page, "/pause", reason="we deploy")
        assert paused.markup.with_id("said") is not None
        resumed = await browser.press(paused, "/resume")
        assert resumed.markup.with_id("said") is not None
        assert (await browser.open(paused.path)).markup.with_id("said") is None


async def test_the_switch_asks_for_no_reason(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        paused = await browser.press(await browser.login(then="/"), "/pause")
    assert "Paused: no reason given (ann)" in paused.markup.text


async def test_a_reason_has_an_end(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, client):
        refused = await browser.press(await browser.login(then="/"), "/pause", reason="x" * 501)
        assert refused.status == 422
        assert not (await client.ask("GET", "/api/v1/status")).json["paused"]


async def test_everything_that_holds_repairs_back_is_there(tmp_path: Path) -> None:
    stop = tmp_path / "STOP"
    stop.touch()
    async with visiting(tmp_path, mode="shadow", stop_file=str(stop)) as (browser, client):
        window = {"matchers": ['service="shop"'], "duration": "1h", "reason": "a new disk"}
        async with client.session.post(
            f"{client.url}/api/v1/maintenance",
            json=window,
            headers={"Authorization": f"Bearer {OPERATE}"},
        ) as answer:
            assert answer.status in {200, 201}
        text = (await browser.login(then="/")).markup.text
    assert "The mode is shadow" in text
    assert "The stop file is there" in text
    assert "by ann: a new disk" in text


async def test_the_page_is_small_and_does_not_grow_with_what_is_open(tmp_path: Path) -> None:
    async with visiting(tmp_path, mode="approve") as (browser, client):
        many = [
            firing(f"s{n}", labels={"alertname": "Unknown"}, annotations={"summary": "x" * 200})
            for n in range(120)
        ]
        await deliver(client, *many)
        page = await browser.login(then="/")
    assert "120 open incidents" in page.markup.text
    assert "And 70 older ones. All that nobody has acknowledged" in page.markup.text
    assert 'href="/incidents?waiting=yes"' in page.text
    assert len(page.text.encode()) < 100_000


async def test_without_a_script_the_page_reloads_itself(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (browser, _):
        page = await browser.login(then="/")
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page.text


async def test_a_program_with_a_token_gets_the_page_too(tmp_path: Path) -> None:
    async with visiting(tmp_path) as (_, client), browsing(client):
        page = await client.ask("GET", "/", token=READ)
    assert (page.status, page.headers["Content-Type"][:9]) == (200, "text/html")
