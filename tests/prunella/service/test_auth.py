from __future__ import annotations

import logging

import pytest
from pydantic import ValidationError

from prunella.service.auth import Auth, Denied, Scope, Token
from tests.prunella.service.stand_ins import Counted, FakeClock


def token(name: str, secret: str) -> Token:
    return Token.model_validate({"name": name, "token": secret})


def auth(clock: FakeClock | None = None) -> Auth:
    tokens = {
        Scope.WEBHOOK: [token("old", "webhook-1"), token("new", "webhook-2")],
        Scope.OPERATE: [token("ops", "operate-1")],
        Scope.READ: [token("grafana", "read-1")],
    }
    return Auth(tokens, implies={Scope.OPERATE: {Scope.READ}}, clock=clock or FakeClock())


def refusal(header: str | None, scope: Scope) -> Denied:
    with pytest.raises(Denied) as caught:
        auth().client(header, scope)
    return caught.value


def test_a_token_is_known_by_its_name() -> None:
    assert auth().client("Bearer operate-1", Scope.OPERATE) == "ops"


def test_two_tokens_of_one_scope_are_valid_at_once() -> None:
    names = [auth().client(f"Bearer webhook-{n}", Scope.WEBHOOK) for n in (1, 2)]
    assert names == ["old", "new"]


def test_the_word_bearer_may_be_written_in_any_case() -> None:
    assert auth().client("bEARER  read-1 ", Scope.READ) == "grafana"


def test_an_open_route_asks_for_nothing() -> None:
    assert auth().client(None, Scope.OPEN) == ""


def test_no_token_opens_what_proves_itself() -> None:
    for opened in (auth(), Auth({}, open_when_unset=True)):
        with pytest.raises(TypeError, match="proves itself"):
            opened.client("Bearer operate-1", Scope.SIGNED)


def test_operate_implies_read() -> None:
    assert auth().client("Bearer operate-1", Scope.READ) == "ops"


@pytest.mark.parametrize("scope", [Scope.OPERATE, Scope.WEBHOOK, Scope.METRICS])
def test_a_token_without_the_scope_is_known_and_denied(scope: Scope) -> None:
    denied = refusal("Bearer read-1", scope)
    assert (denied.known, denied.reason) == (True, "scope_missing")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "read-1", "Basic cmVhZC0x"])
def test_no_token_is_missing(header: str | None) -> None:
    denied = refusal(header, Scope.READ)
    assert (denied.known, denied.reason) == (False, "token_missing")


@pytest.mark.parametrize("wrong", ["read-", "read-11", "READ-1", "\udcff", "é", "x" * 8000])
def test_a_wrong_token_is_unknown(wrong: str) -> None:
    denied = refusal(f"Bearer {wrong}", Scope.READ)
    assert (denied.known, denied.reason) == (False, "token_unknown")


def test_without_any_token_everything_is_refused() -> None:
    with pytest.raises(Denied):
        Auth({}).client(None, Scope.READ)


def test_without_any_token_everything_is_open_where_that_was_declared() -> None:
    assert Auth({}, open_when_unset=True).client(None, Scope.OPERATE) == ""


def test_one_token_closes_every_scope_again() -> None:
    partly = Auth({Scope.READ: [token("a", "b")]}, open_when_unset=True)
    with pytest.raises(Denied):
        partly.client(None, Scope.OPERATE)


def test_one_secret_in_two_scopes_opens_both() -> None:
    both = Auth({Scope.READ: [token("a", "x")], Scope.WEBHOOK: [token("b", "x")]})
    assert both.client("Bearer x", Scope.READ) == both.client("Bearer x", Scope.WEBHOOK) == "a"


def test_other_tokens_are_in_force_at_once() -> None:
    changing = auth()
    changing.replace({Scope.READ: [token("next", "read-2")]})
    assert changing.client("Bearer read-2", Scope.READ) == "next"
    with pytest.raises(Denied):
        changing.client("Bearer read-1", Scope.READ)


@pytest.mark.parametrize("fields", [{"name": "a", "token": ""}, {"name": "", "token": "x"}])
def test_an_empty_name_or_token_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Token.model_validate(fields)


def refuse(guarded: Auth, source: str, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Denied):
            guarded.client("Bearer CANARY", Scope.READ, source)


def test_a_flood_of_refusals_is_one_line_a_source(caplog: pytest.LogCaptureFixture) -> None:
    guarded = auth()
    refuse(guarded, "10.0.0.1", times=50)
    refuse(guarded, "10.0.0.2")
    assert [record.getMessage() for record in caplog.records] == ["request refused"] * 2


def test_the_next_line_says_how_many_were_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    guarded = auth(clock)
    refuse(guarded, "10.0.0.1", times=50)
    clock.time += 11
    refuse(guarded, "10.0.0.1")
    assert [vars(record)["fields"]["unsaid"] for record in caplog.records] == [0, 49]


def test_a_refusal_is_logged_without_the_credential(caplog: pytest.LogCaptureFixture) -> None:
    refuse(auth(), "10.0.0.1")
    assert "CANARY" not in str([vars(record) for record in caplog.records])


def test_many_sources_do_not_fill_the_memory(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    guarded = auth()
    for number in range(3000):
        refuse(guarded, f"10.0.{number // 256}.{number % 256}")
    assert len(guarded._refusals._last) <= 1024


def test_every_refusal_is_counted() -> None:
    counted = Counted("prunella_auth_failures_total", {"reason": "token_unknown"})
    refuse(auth(), "10.0.0.1", times=3)
    assert counted.grown == 3


def test_a_mark_stands_for_a_token_as_long_as_that_is_in_force() -> None:
    doors = auth()
    mark = doors.mark("read-1", b"key")
    assert doors.marked(mark, b"key", Scope.READ) == "grafana"
    doors.replace({Scope.READ: [token("grafana", "read-2")]})
    assert doors.marked(mark, b"key", Scope.READ) is None


def test_a_mark_says_nothing_without_its_key_and_no_more_than_its_token() -> None:
    doors = auth()
    mark = doors.mark("read-1", b"key")
    assert doors.marked(mark, b"another", Scope.READ) is None
    assert doors.marked(mark, b"key", Scope.OPERATE) is None
    assert "read-1" not in mark
