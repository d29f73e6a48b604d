from __future__ import annotations

from receiver.decide.silence import MARGIN, MOST_NAMES, lasts, narrow

OURS = {"alertname": "Down", "service": "shop"}


def test_a_silence_names_every_label_of_its_alert() -> None:
    assert narrow(OURS, []) == (("alertname", "Down"), ("service", "shop"))


def test_what_has_our_labels_and_more_is_not_meant() -> None:
    matchers = narrow(OURS, [{**OURS, "instance": "one"}])
    assert matchers == (("alertname", "Down"), ("service", "shop"), ("instance", ""))


def test_a_label_that_any_alert_has_is_asked_to_be_missing_also_of_later_ones() -> None:
    matchers = narrow(OURS, [{"alertname": "Other", "queue": "mail"}])
    assert ("queue", "") in matchers


def test_what_would_take_too_many_names_is_not_silenced() -> None:
    others = [{f"label_{number}": "x"} for number in range(MOST_NAMES + 1)]
    assert narrow(OURS, others[:-1])
    assert narrow(OURS, others) == ()


def test_an_alert_without_labels_is_not_silenced() -> None:
    assert narrow({}, []) == ()


def test_it_lasts_until_the_verdict_on_the_last_target_and_a_margin() -> None:
    assert lasts(timeout=60, targets=2, settle=10, within=300) == 430 + MARGIN
