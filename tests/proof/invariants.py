"""The invariants of the design, each as a function that names what contradicts it.

`violations(journal_lines, effects, messages, terms)` is what the sweep, the chaos runs and the state machine ask after
they have done their worst. I4 (rollback) and I17 (reload) leave no trace in this evidence: they have tests of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tests.proof.accounts import (
    i7_nothing_acknowledged_is_lost,
    i8_told_at_least_once_and_in_order,
    i13_acted_on_or_refused_soon,
    i15_success_is_observed,
)
from tests.proof.acting import (
    i1_at_most_one_execution,
    i2_one_action_a_target,
    i3_limits,
    i5_an_unknown_outcome_is_never_retried,
    i6_intent_before_effect_and_outcome_after,
    i14_the_fence_holds,
)
from tests.proof.evidence import Effect, Message, Scene, Terms, scene
from tests.proof.restraint import (
    i9_only_while_it_should,
    i10_the_kill_switch_holds,
    i11_a_common_cause_is_left_alone,
    i12_only_known_targets,
    i16_shadow_touches_nothing,
    i18_never_on_itself,
)

Invariant = Callable[[Scene], Iterator[str]]
INVARIANTS: tuple[Invariant, ...] = (
    i1_at_most_one_execution,
    i2_one_action_a_target,
    i3_limits,
    i5_an_unknown_outcome_is_never_retried,
    i6_intent_before_effect_and_outcome_after,
    i7_nothing_acknowledged_is_lost,
    i8_told_at_least_once_and_in_order,
    i9_only_while_it_should,
    i10_the_kill_switch_holds,
    i11_a_common_cause_is_left_alone,
    i12_only_known_targets,
    i13_acted_on_or_refused_soon,
    i14_the_fence_holds,
    i15_success_is_observed,
    i16_shadow_touches_nothing,
    i18_never_on_itself,
)


def violations(
    journal_lines: Iterable[str],
    effects: Iterable[Effect],
    messages: Iterable[Message],
    terms: Terms | None = None,
) -> list[str]:
    """Everything that contradicts an invariant, each with its number; empty when all hold."""
    seen = scene(journal_lines, effects, messages, terms or Terms())
    return [
        f"{invariant.__name__.partition('_')[0].upper()}: {wrong}"
        for invariant in INVARIANTS
        for wrong in invariant(seen)
    ]
