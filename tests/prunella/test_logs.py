from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from prunella import logs
from prunella.correlation import correlated


class Terminal(io.StringIO):
    """Where a person reads."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Puts the root logger back, which `configure` takes over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def line(message: str = "hello", /, **extra: object) -> dict[str, Any]:
    out = io.StringIO()
    logs.configure("debug", out)
    logs.create_logger("shop").info(message, **extra)
    parsed = json.loads(out.getvalue())
    assert isinstance(parsed, dict)
    return parsed


def test_a_line_is_one_json_object_with_the_fixed_keys() -> None:
    assert line().keys() == {"ts", "level", "logger", "msg"}
    assert line()["level"] == "info"
    assert line()["ts"].endswith("Z")


def test_extra_keys_are_keys_of_the_line() -> None:
    shown = line(fingerprint="abc", count=3, ratio=0.5, ready=True, nothing=None)
    expected = {"fingerprint": "abc", "count": 3, "ratio": 0.5, "ready": True, "nothing": None}
    assert shown.items() >= expected.items()


def test_an_extra_key_cannot_take_the_place_of_a_fixed_one() -> None:
    shown = line("real", msg="forged", level="forged")
    assert (shown["msg"], shown["level"], shown["msg_"]) == ("real", "info", "forged")


def test_the_correlation_id_of_the_work_is_on_its_lines() -> None:
    with correlated("req-1"):
        assert line()["correlation_id"] == "req-1"


def test_a_percent_sign_in_a_message_is_just_text() -> None:
    assert line("100% of %s")["msg"] == "100% of %s"


def test_a_newline_in_a_value_makes_no_second_line() -> None:
    out = io.StringIO()
    logs.configure("info", out)
    logs.create_logger("shop").info("a\nb", label='x\n{"msg": "forged"}')
    assert out.getvalue().count("\n") == 1


def test_an_endless_value_is_cut() -> None:
    shown = line(label="x" * 1_000_000)
    assert len(shown["label"]) < 5000
    assert shown["label"].endswith("…")


def test_numbers_that_json_does_not_know_are_text() -> None:
    assert line(value=float("nan"))["value"] == "nan"


@pytest.mark.parametrize("key", ["token", "Authorization", "redis_password"])
def test_a_value_under_a_secret_key_is_hidden(key: str) -> None:
    assert line(**{key: "CANARY"})[key] == "***"


def test_secrets_inside_messages_values_and_mappings_are_hidden() -> None:
    shown = line(
        "redis://:CANARY@h", headers={"Authorization": "CANARY"}, error=ValueError("token=CANARY")
    )
    assert "CANARY" not in str(shown)
    assert shown["error"].startswith("ValueError: ")


def test_an_exception_comes_with_its_traceback_and_without_secrets() -> None:
    out = io.StringIO()
    logs.configure("info", out)
    try:
        int("postgresql://u:CANARY@db")
    except ValueError:
        logs.create_logger("shop").exception("it broke", step="one")
    shown = json.loads(out.getvalue())
    assert (shown["level"], shown["step"]) == ("error", "one")
    assert "ValueError" in shown["exc"]
    assert "CANARY" not in shown["exc"]


def test_lines_of_other_libraries_have_the_same_form() -> None:
    out = io.StringIO()
    logs.configure("info", out)
    logging.getLogger("asyncio").warning("slow %s", "callback\x1b[0m")
    shown = json.loads(out.getvalue())
    assert (shown["logger"], shown["msg"]) == ("asyncio", "slow callback\\u001b[0m")


def test_what_is_below_the_level_is_not_written() -> None:
    out = io.StringIO()
    logs.configure("warning", out)
    logger = logs.create_logger("shop")
    logger.debug("a")
    logger.info("b")
    logger.warning("c")
    logger.error("d")
    assert [json.loads(text)["msg"] for text in out.getvalue().splitlines()] == ["c", "d"]


def test_a_terminal_gets_text() -> None:
    out = Terminal()
    logs.configure("info", out)
    logs.create_logger("shop").info("hello", name="a\nb")
    assert out.getvalue().rstrip().endswith("info    [shop] hello name=a\\u000ab")


def test_a_terminal_gets_the_traceback_as_lines() -> None:
    out = Terminal()
    logs.configure("info", out)
    logs.create_logger("shop").exception("it broke", ValueError("why\nforged"))
    assert out.getvalue().splitlines()[-2:] == ["ValueError: why", "forged"]


def test_configuring_twice_does_not_write_twice() -> None:
    line()
    assert line()["msg"] == "hello"
    assert len(logging.getLogger().handlers) == 1


def test_a_person_sees_the_beginning_of_the_correlation_id() -> None:
    out = Terminal()
    logs.configure("info", out)
    with correlated("abc12345-more-of-it"):
        logs.create_logger("UserService").info("Processing user update")
    assert out.getvalue().rstrip().endswith("[UserService] [abc12345] Processing user update")


def test_a_trace_that_is_not_the_id_itself_is_on_the_line() -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with correlated("req-1", parent):
        assert line()["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    with correlated(None, parent):
        assert "trace_id" not in line()


def test_lines_that_an_app_formats_itself_can_have_the_id() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(logs.WithCorrelation())
    handler.setFormatter(logging.Formatter("%(correlation_id)s %(message)s"))
    logging.getLogger().handlers[:] = [handler]
    with correlated("req-1"):
        logging.getLogger("shop").warning("hello")
    assert out.getvalue() == "req-1 hello\n"
