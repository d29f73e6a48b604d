"""How often a token may be guessed."""

from __future__ import annotations

from receiver.console.attempts import ALL_EVERY, FROM_ALL, FROM_ONE, ONE_EVERY, Attempts
from tests.receiver.rig import HandClock


def guess(attempts: Attempts, address: str, times: int) -> None:
    for _ in range(times):
        attempts.failed(address)


def test_a_few_are_for_nothing() -> None:
    attempts = Attempts(HandClock())
    guess(attempts, "10.0.0.1", FROM_ONE - 1)
    assert attempts.wait("10.0.0.1") == 0


def test_then_one_address_waits_and_others_do_not() -> None:
    clock = HandClock()
    attempts = Attempts(clock)
    guess(attempts, "10.0.0.1", FROM_ONE)
    assert attempts.wait("10.0.0.1") == ONE_EVERY
    assert attempts.wait("10.0.0.2") == 0
    clock.at += ONE_EVERY
    assert attempts.wait("10.0.0.1") == 0


def test_many_addresses_together_wait_too_but_not_long() -> None:
    attempts = Attempts(HandClock())
    for number in range(FROM_ALL):
        attempts.failed(f"10.0.{number}.1")
    assert attempts.wait("10.1.0.1") == ALL_EVERY


def test_however_many_there_were_nobody_waits_for_more_than_one() -> None:
    attempts = Attempts(HandClock())
    guess(attempts, "10.0.0.1", 10 * FROM_ALL)
    assert attempts.wait("10.0.0.1") == ONE_EVERY
    assert attempts.wait("10.0.0.2") == ALL_EVERY


def test_a_network_of_one_client_is_one_client() -> None:
    attempts = Attempts(HandClock())
    guess(attempts, "2001:db8::1", FROM_ONE)
    assert attempts.wait("2001:db8::ffff") == ONE_EVERY
    assert attempts.wait("2001:db8:0:1::1") == 0
    guess(attempts, "::ffff:10.0.0.1", FROM_ONE)
    assert attempts.wait("::ffff:10.0.0.2") == 0


def test_what_is_remembered_has_an_end() -> None:
    attempts = Attempts(HandClock())
    for number in range(10_000):
        attempts.wait(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert len(attempts._by_address) <= 4096
