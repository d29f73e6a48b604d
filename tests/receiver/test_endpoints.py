from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from receiver.endpoints import BaseUrl, Statuses, WebPath, WebUrl, is_expected, join


class Keys(BaseModel):
    url: WebUrl = "http://x"
    base: BaseUrl = "http://x"
    path: WebPath = "/"
    expect: Statuses = ("2xx",)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3000", "https://u:p@h/x?y=1", "http://[::1]:80/"]
)
def test_web_addresses_are_taken(url: str) -> None:
    assert Keys(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "h", "/x", "ftp://h/", "file:///etc/passwd", "javascript:alert(1)"),
        *("http://", "http:///x", "http://h:0", "http://h:x", "http://[::1"),
        *("http://h/a b", "http://h/\n"),
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be an address"):
        Keys(url=url)


def test_a_base_loses_its_last_slash_and_may_hold_no_query() -> None:
    assert Keys(base="http://h/app/").base == "http://h/app"
    with pytest.raises(ValidationError, match="must end before"):
        Keys(base="http://h/?a=b")


@pytest.mark.parametrize(
    "path", ["", "health", "//evil.example/x", "http://evil/", "/a/../b", "/..", "/a b", "/a#b", "/a\\b", "/a\n"]
)  # fmt: skip
def test_a_path_cannot_leave_its_host(path: str) -> None:
    with pytest.raises(ValidationError, match="must be a path"):
        Keys(path=path)


def test_a_path_is_joined_below_the_base() -> None:
    assert join("http://h/app", "/health?x=..") == "http://h/app/health?x=.."


@pytest.mark.parametrize(
    ("given", "status", "good"),
    [
        ("2xx", 204, True),
        ("2xx", 301, False),
        (200, 200, True),
        ("200", 201, False),
        ([200, "3xx"], 302, True),
        ([200, 404], 404, True),
    ],
)
def test_statuses_are_codes_and_classes(given: object, status: int, good: bool) -> None:
    keys = Keys.model_validate({"expect": given})
    assert is_expected(keys.expect, status) is good
    assert Keys.model_validate(keys.model_dump(mode="json")) == keys


@pytest.mark.parametrize("given", ["", "ok", 99, 600, [], True, [True], {"a": 1}, None, "2XX"])
def test_other_expectations_are_refused(given: object) -> None:
    with pytest.raises(ValidationError, match="must be a status"):
        Keys.model_validate({"expect": given})
