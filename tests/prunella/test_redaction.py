from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunella.redaction import anonymous, names_a_secret, printable, redact, scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "redis://:CANARY@cache:6379/0",
        "postgresql://app:CANARY@db/shop",
        "https://CANARY@sentry.example/7",
        "Authorization: Bearer CANARY",
        "authorization: basic CANARY==",
        "GET /x?token=CANARY&a=1",
        "api_key=CANARY",
        "secret_access_key: CANARY",
        "{'password': 'CANARY'}",
        '{"client_secret": "CANARY"}',
        "https://hooks.slack.com/services/T000/B000/CANARY",
        "http://127.0.0.1:8000/services/T000/B000/CANARY",
        "https://discord.com/api/webhooks/123/CANARY",
        "https://api.telegram.org/bot123:CANARY/sendMessage",
        "https://prunella.example/ops/answer/12.0123456789abcdef.CANARY",
        "GenieKey CANARY",
        "integration_key: CANARY",
        '{"accessToken": "CANARY"}',
        'password="two words CANARY"',
        "{'password': 'two words CANARY'}",
        "Set-Cookie: sid=CANARY; Path=/",
        "Cookie: a=b; sid=CANARY",
        "refused eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.CANARY",
    ],
)
def test_a_secret_in_a_form_in_which_it_travels_is_hidden(text: str) -> None:
    assert "CANARY" not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "redis://cache:6379/0 is down",
        "https://shop.example/orders?id=7",
        "the token is missing",
        "mail to ops@example.com",
        "a basic misunderstanding",
        "the token expired yesterday",
        "password reset mails",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert redact(text) == text


def test_what_stands_around_a_secret_is_kept() -> None:
    assert redact("open redis://u:p@h/0 failed") == "open redis://***@h/0 failed"


@pytest.mark.parametrize(
    "key",
    [
        *("token", "db_password", "Authorization", "api_key", "apikey", "dsn", "accessToken"),
        *("secret_access_key", "privateKey"),
    ],
)
def test_a_key_that_names_a_secret_is_known(key: str) -> None:
    assert names_a_secret(key)


@pytest.mark.parametrize(
    "key", ["name", "tokens_left", "keyboard", "target", "monkey", "reason", "access_key_id"]
)
def test_a_key_that_only_resembles_one_is_not(key: str) -> None:
    assert not names_a_secret(key)


@pytest.mark.parametrize(
    "forged", ["a\nb", "a\r\nb", "\x1b[31m", "\x85", "\u2028", "\u202e", "\x00"]
)
def test_a_character_that_could_forge_a_line_is_escaped(forged: str) -> None:
    assert printable(forged).isprintable()


@given(st.text())
def test_printable_text_is_one_line_that_every_encoding_takes(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode("utf-8") or not text


@given(st.text())
def test_text_once_redacted_stays_as_it_is(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "mail of ann.lee+x@example.co.uk",
        "call +49 (170) 123-4567",
        "ssn 078-05-1120",
        "iban DE89 3704 0044 0532 0130 00",
        "card 4111-1111-1111-1111",
        "card 4111111111111111",
    ],
)
def test_what_tells_who_somebody_is_does_not_leave_the_machine(text: str) -> None:
    assert anonymous(text).endswith(" ***")


@pytest.mark.parametrize("text", ["order 1234567890123", "took 1.5 s", "10.0.0.1:5432", "C++ 11"])
def test_numbers_that_name_nobody_are_shown(text: str) -> None:
    assert anonymous(text) == text


@pytest.mark.parametrize("key", ["email", "user_email", "phone", "first_name", "ip_address", "dsn"])
def test_a_value_under_a_key_that_names_a_person_is_hidden_at_any_depth(key: str) -> None:
    assert scrubbed({"a": [{key: {"deep": "CANARY"}}]}) == {"a": [{key: "***"}]}


@pytest.mark.parametrize("key", ["name", "module", "filename", "recipe", "ship", "emails_sent"])
def test_a_key_that_only_resembles_one_of_those_is_not_hidden(key: str) -> None:
    assert scrubbed({key: "shown"}) == {key: "shown"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_whatever_is_scrubbed_can_be_sent_as_json(value: object) -> None:
    assert json.loads(json.dumps(scrubbed(value), default=None)) is not ...


def test_a_value_without_end_has_one_when_it_is_scrubbed() -> None:
    endless: list[object] = []
    endless.append(endless)
    shown = scrubbed({"a": endless, "b": "x" * 10**6, "c": list(range(10**5))})
    assert len(json.dumps(shown)) < 20_000


class Lazy:
    """As an object of an ORM whose session has ended: what it raises is of nobody's standard library."""

    class DetachedError(Exception):
        pass

    def __str__(self) -> str:
        raise self.DetachedError


def test_what_cannot_be_shown_does_not_lose_the_report() -> None:
    shown = scrubbed({"order": Lazy(), Lazy(): 1})
    assert shown == {
        "order": "(Lazy that cannot be shown)",
        "(Lazy that cannot be shown)": 1,
    }


def test_numbers_that_json_has_no_word_for_are_text() -> None:
    shown = scrubbed({"a": float("nan"), "b": float("-inf"), "c": 10**5000, "d": 7, "e": 0.5})
    again = json.loads(json.dumps(shown, allow_nan=False))
    assert again == {"a": "nan", "b": "-inf", "c": "(int that cannot be shown)", "d": 7, "e": 0.5}


def test_a_key_in_camel_case_is_as_personal_as_any() -> None:
    assert scrubbed({"contactEmail": "x", "userPassword": 1}) == {
        "contactEmail": "***",
        "userPassword": "***",
    }


@pytest.mark.parametrize("value", [object, 7j, Path("/a: b"), ValueError("a\nb: c"), ValueError()])
def test_what_can_be_shown_is_shown_as_it_says(value: object) -> None:
    assert scrubbed([value]) == [str(value)]
