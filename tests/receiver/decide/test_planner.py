"""What is found by an index is what asking everybody would find."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.matchers import parse_matchers
from receiver.decide.plan import draft
from receiver.decide.planner import Index, Planner
from tests.receiver.builders import ATarget, a_playbook, an_alert

MATCHERS = ('a="1"', 'a="2"', 'b="1"', 'a=~"1|2"', 'b!="1"', 'a=""', 'c=~".*"', 'b="2"')
matchers = st.lists(st.sampled_from(MATCHERS), min_size=1, max_size=3).map(",".join)
labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "2"]))


def a_target(name: str, matchers: str) -> ATarget:
    return ATarget(name, parse_matchers(matchers))


@given(st.lists(matchers, max_size=8), st.lists(matchers, max_size=8), labels)
def test_a_planner_plans_as_one_who_asks_everybody(
    books: list[str], targets: list[str], given_labels: dict[str, str]
) -> None:
    playbooks = [a_playbook(f"p{n}", matchers=[text]) for n, text in enumerate(books)]
    chosen = [a_target(f"t{n}", text) for n, text in enumerate(targets)]
    seen = an_alert(labels={"alertname": "A", **given_labels})
    assert Planner(playbooks, chosen).draft(seen) == draft(seen, playbooks, chosen)


def test_of_many_targets_few_are_asked() -> None:
    many = [a_target(f"t{n}", f'service="s{n}"') for n in range(500)]
    asked = Index([*many, a_target("any", 'service=~".+"')]).candidates({"service": "s7"})
    assert [one.name for one in asked] == ["t7", "any"]
    assert asked[0] is many[7]
