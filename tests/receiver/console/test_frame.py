"""The one way to make a page: escaped, under one policy, and with nothing from anywhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from jinja2 import UndefinedError

from receiver.console.frame import is_web, moment, render, see
from receiver.console.page import NAVIGATION, VISITOR, Link, Visitor
from tests.receiver.web.serving import READ, serving


def request(path: str = "/") -> web.Request:
    return make_mocked_request("GET", path)


def test_what_a_template_is_given_is_text() -> None:
    page = render(
        request(),
        "trouble.html",
        caption="<b>",
        reason="",
        text="<script>alert(1)</script>",
        look="/",
    )
    assert "<script>" not in (page.text or "")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in (page.text or "")


def test_what_would_turn_a_line_around_is_named() -> None:
    page = render(
        request(), "trouble.html", caption="\u202egnp.exe\u200b", reason="", text="", look="/"
    )
    assert "\\u202egnp.exe\\u200b" in (page.text or "")


def test_what_a_template_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="caption"):
        render(request(), "trouble.html", text="")


def test_no_page_may_run_or_load_what_is_not_ours() -> None:
    policy = render(request(), "answered.html", text="").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert {part.split()[1] for part in policy.split(";")} == {"'none'", "'self'"}


def test_a_form_says_where_it_comes_from() -> None:
    page = render(request(), "answered.html", text="")
    assert page.headers["Referrer-Policy"] == "same-origin"  # else browsers send `Origin: null`


def test_the_page_that_is_shown_is_marked_in_the_navigation() -> None:
    asked = request("/backups/shop")
    asked[VISITOR] = Visitor("ann", operates=False)
    asked[NAVIGATION] = (Link("Now", "/"), Link("Backups", "/backups"))
    text = render(asked, "answered.html", text="").text or ""
    assert re.findall(r'href="([^"]+)" aria-current="page"', text) == ["/backups"]


def test_whoever_is_not_known_sees_no_navigation() -> None:
    assert "<nav" not in (render(request(), "answered.html", text="").text or "")


def test_after_a_form_another_page_is_seen() -> None:
    there = see("/incidents/1", said="approve")
    assert (there.status, there.headers["Location"]) == (303, "/incidents/1?said=approve")


def test_a_moment_is_for_people_and_programs() -> None:
    assert 'datetime="2026-09-21T00:05:00Z">2026-09-21 00:05:00 UTC<' in moment(1_789_949_100.0)
    assert moment(None) == "never"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "http:", "ftp://x", " "]
)
def test_only_what_leads_to_the_web_becomes_a_link(url: str) -> None:
    assert not is_web(url)
    assert is_web("https://grafana.example/d/x?var=1")


async def test_the_stylesheet_is_kept_until_it_is_another(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        page = await client.ask("GET", "/runbooks", token=READ)
        found = re.search(r'rel="stylesheet" href="([^"]+)"', page.text)
        assert found is not None
        style = await client.ask("GET", found[1], token=None)
        missing = await client.ask("GET", "/static/__init__.py", token=None)
    assert "immutable" in style.headers["Cache-Control"]
    assert missing.status == 404
