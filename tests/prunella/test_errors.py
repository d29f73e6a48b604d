from __future__ import annotations

import pytest

from prunella.errors import fingerprint, track_error
from tests.prunella.service.stand_ins import Counted


def read_number(text: str) -> int:
    return int(text)


def read_other_number(text: str) -> int:
    return int(text)


def error_of(text: str) -> ValueError:
    with pytest.raises(ValueError, match="invalid") as caught:
        read_number(text)
    return caught.value


def test_the_same_kind_of_error_has_the_same_fingerprint_whatever_it_says() -> None:
    assert fingerprint(error_of("a")) == fingerprint(error_of("b"))


def test_an_error_from_elsewhere_has_another_fingerprint() -> None:
    with pytest.raises(ValueError, match="invalid") as caught:
        read_other_number("a")
    assert fingerprint(caught.value) != fingerprint(error_of("a"))


def test_an_error_of_another_type_has_another_fingerprint() -> None:
    assert fingerprint(KeyError("a")) != fingerprint(IndexError("a"))


def test_an_error_is_counted_under_severity_and_fingerprint() -> None:
    mark = fingerprint(error_of("a"))
    counted = Counted("app_errors_total", {"severity": "critical", "fingerprint": mark})
    assert track_error(error_of("b"), severity="critical") == mark
    assert counted.grown == 1


def test_an_error_is_logged_with_its_context(caplog: pytest.LogCaptureFixture) -> None:
    mark = track_error(error_of("a"), context={"order": 7, "message": "m", "error": "e"})
    extra = vars(caplog.records[-1])["fields"]
    assert extra.items() >= {"order": 7, "message": "m", "fingerprint": mark}.items()
    assert "Traceback" in caplog.text
