from __future__ import annotations

import pytest
from pydantic import ValidationError

from receiver.actions import ACTIONS
from receiver.actions.base import Action
from receiver.actions.restart import Restart
from receiver.checks.alert_cleared import AlertCleared
from receiver.consistency import build_action, build_checks, inconsistencies
from receiver.decide.plan import Verify
from receiver.targets import Target


def found(**tree: object) -> list[tuple[str, str]]:
    return [(".".join(map(str, at)), why) for at, why, _ in inconsistencies(tree)]


def test_an_action_is_made_of_its_name_and_its_options() -> None:
    assert build_action("restart", {"up_for": "5s"}) == Restart.model_validate({"up_for": "5s"})


def test_an_action_that_is_not_there_is_told_what_is() -> None:
    with pytest.raises(ValueError, match="unknown action 'reboot'; known: backup, call, "):
        build_action("reboot", {})


def test_an_option_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValidationError):
        build_action("restart", {"argv": ["rm"]})


def test_the_default_verification_looks_at_the_alert() -> None:
    assert build_checks(Verify()) == (AlertCleared(),)


@pytest.mark.parametrize("tree", [None, [], "text", 5, {}])
def test_what_is_no_file_has_no_inconsistency(tree: object) -> None:
    assert list(inconsistencies(tree)) == []


def test_every_name_that_does_not_exist_is_found() -> None:
    assert [at for at, _ in found(
        groups={"g": ["a", "b"]},
        escalation={"e": [{"notify": ["c", "d"]}]},
        playbooks=[{"notify": ["f"], "escalate": "h", "ladder": [{"on": ["i"], "action": "j"}]}],
    )] == [
        *("groups.g", "groups.g", "escalation.e.0.notify", "escalation.e.0.notify"),
        *("playbooks.0.notify", "playbooks.0.escalate", "playbooks.0.ladder.0.on"),
        "playbooks.0.ladder.0.action",
    ]  # fmt: skip


class Fussy(Action):
    """It dislikes every target."""

    def needs(self) -> str | None:
        return "http"

    def objection(self, target: Target) -> str | None:
        return f"{target.name} is not to its taste"


def test_an_action_that_can_never_work_on_a_named_target_is_found_whatever_else_is_wrong_with_it() -> (
    None
):
    ACTIONS["fussy"] = Fussy
    try:
        problems = found(
            targets={"a": {"http": {"base_url": "http://h"}}, "b": {"http": {"base_url": "?"}}},
            playbooks=[{"ladder": [{"action": "fussy", "on": ["a", "b"]}]}],
        )
    finally:
        del ACTIONS["fussy"]
    at = "playbooks.0.ladder.0.on"
    assert problems == [
        (at, "fussy on a: a is not to its taste"),
        (at, "fussy on b: b is not to its taste"),
    ]


def a_release(service: str, **more: object) -> dict[str, object]:
    version = {"url": "http://127.0.0.1:1/version", "json": "version"}
    release = {"strategy": "symlink", "path": f"/srv/{service}", "version": version}
    return {"matchers": [f'service="{service}"'], "release": release, **more}


def back(*matchers: str, **rung: object) -> list[dict[str, object]]:
    return [{"matchers": list(matchers), "ladder": [{"action": "rollback", **rung}]}]


def test_a_rollback_that_can_run_on_no_target_that_alerts_choose_is_found_at_start() -> None:
    ((at, why),) = found(
        targets={"api": a_release("api")}, playbooks=back('alertname="HighErrorRate"')
    )
    assert at == "playbooks.0.ladder.0.action"
    assert "rollback on api, which alerts choose: its release strategy starts nothing" in why
    assert "`optional: true`" in why


def test_a_rollback_that_can_run_on_one_of_them_or_may_be_passed_by_is_none() -> None:
    able = a_release("web", process={"manager": "pm2", "name": "web"})
    books = back('alertname="HighErrorRate"')
    assert found(targets={"api": a_release("api"), "web": able}, playbooks=books) == []
    assert found(targets={"api": a_release("api")}, playbooks=back("a=b", optional=True)) == []


def test_two_targets_whose_releases_lie_in_one_folder_are_found_at_start() -> None:
    release = a_release("api")
    assert found(targets={"api": release, "web": release}) == [
        (
            "targets.web.release.path",
            "the releases of api lie there already: one `current` is of one target",
        )
    ]


def test_a_target_that_the_playbook_never_chooses_is_not_asked() -> None:
    for other in ('service="web"', 'service=~"w.*"', 'service!="api"'):
        assert found(targets={"api": a_release("api")}, playbooks=back(other)) == []
    assert len(found(targets={"api": a_release("api")}, playbooks=back('service=~"a.*"'))) == 1


@pytest.mark.parametrize(
    ("url", "whose"),
    [
        ("http://localhost:9651/api", "the receiver itself"),
        ("http://127.0.0.1:9090", "the Prometheus"),
        ("https://alerts:9093/x", "its Alertmanager"),
    ],
)
def test_i18_a_target_is_never_the_receiver_or_what_it_judges_by(url: str, whose: str) -> None:
    ((at, why),) = found(
        prometheus={"url": "http://localhost:9090"},
        alertmanager={"urls": ["http://alerts:9093"]},
        targets={
            "api": {"http": {"base_url": "http://127.0.0.1:3000"}},
            "own": {"http": {"base_url": url}},
        },
    )
    assert at == "targets.own.http.base_url"
    assert f"is {whose}" in why


def test_i18_the_receiver_is_known_by_where_it_listens() -> None:
    own = {"own": {"http": {"base_url": "http://127.0.0.1:8080"}}}
    assert found(server={"listen": ":8080"}, targets=own, auth={"webhook": [1]}) != []
    assert found(server={"listen": "10.0.0.1:8080"}, targets=own, auth={"webhook": [1]}) == []


@pytest.mark.parametrize("url", [None, 5, "", "no address", "http://[", "http://a:99999"])
def test_what_is_no_address_is_nobody(url: object) -> None:
    own = {"own": {"http": {"base_url": url}}}
    assert found(prometheus={"url": url}, alertmanager={"urls": [url]}, targets=own) == []


def test_a_facet_that_is_there_and_empty_is_not_there() -> None:
    ladder = [{"action": "restart", "on": ["api"]}]
    assert found(targets={"api": {"process": None}}, playbooks=[{"ladder": ladder}]) == [
        (
            "playbooks.0.ladder.0.on",
            "restart needs `process:`, which the target api does not have",
        )
    ]


def test_a_target_that_does_not_exist_is_not_also_without_a_facet() -> None:
    ladder = [{"action": "restart", "on": ["apo"]}]
    assert len(found(targets={"api": {}}, playbooks=[{"ladder": ladder}])) == 1


def test_a_check_that_needs_an_address_is_held_against_every_named_target() -> None:
    book = {
        "ladder": [{"action": "run", "argv": ["/bin/true"], "on": ["api", "worker"]}],
        "verify": {"checks": [{"http": {"path": "/health"}}, {"alert": "cleared"}]},
    }
    targets = {"api": {"http": {"base_url": "http://127.0.0.1:1"}}, "worker": {}}
    assert [why for _, why in found(targets=targets, playbooks=[book])] == [
        "http needs `http:`, which the target worker does not have"
    ]


def test_a_playbook_for_everybody_may_hold_what_one_manager_cannot_do() -> None:
    target = {"matchers": ['service="api"'], "process": {"manager": "supervisor", "name": "api"}}
    books = [{"matchers": ['alertname="QueueBacklog"'], "ladder": [{"action": "scale", "max": 4}]}]
    assert found(targets={"api": target}, playbooks=books) == []
