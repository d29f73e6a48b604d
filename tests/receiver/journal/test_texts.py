from __future__ import annotations

from receiver.journal.texts import Texts
from tests.receiver.builders import an_alert


def test_what_was_spelled_with_others_is_what_it_is_alone() -> None:
    several = [an_alert(labels={"a": str(number)}, annotations={"b": "ä"}) for number in range(3)]
    together = Texts()
    together.spell(several)
    assert [together.of(one) for one in several] == [Texts().of(one) for one in several]
    assert together.of(several[1]) == ('{"a":"1"}', '{"b":"\\u00e4"}')


def test_one_that_nobody_spelled_before_is_spelled_when_it_is_asked_for() -> None:
    assert Texts().of(an_alert(labels={"a": "1"}, annotations={})) == ('{"a":"1"}', "{}")
