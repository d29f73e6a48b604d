"""The silence that is kept while a repair is under way: one for each alert of the incident, and nothing more.

A silence holds for every alert that has *at least* its labels. So every label that any other alert has, and this one
does not, is asked to be missing: what fires a moment later and is a little like it is heard as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MOST_ALERTS = 10  # an incident of more alerts is worth hearing of
MOST_NAMES = 100  # of labels that are asked to be missing
MARGIN = 30.0


def narrow(
    labels: Mapping[str, str], others: Iterable[Mapping[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Names and values that hold for an alert with these labels and for no other; nothing when that takes too many."""
    besides = {name for other in others for name in other} - labels.keys()
    if not labels or len(besides) > MOST_NAMES:
        return ()
    return (*sorted(labels.items()), *((name, "") for name in sorted(besides)))


def lasts(timeout: float, targets: int, settle: float, within: float) -> float:
    """Seconds after which it ends by itself, should nobody be left to end it.

    An alert that stays red although all else is well (`decay`) may be heard of again: by then people should.
    """
    return timeout * targets + settle + within + MARGIN
