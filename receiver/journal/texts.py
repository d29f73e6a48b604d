"""The texts of a chunk's alerts as they are stored: each is spelled once, though its episode and its incident ask."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.decide.episode import Observation
from receiver.journal.spelling import all_texts, texts


class Texts:
    """Labels and annotations by the identity of what was seen, which lives as long as this."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[str, str]] = {}

    def spell(self, all_: Sequence[Observation]) -> None:
        """Those of many, which costs less than one by one."""
        labels = all_texts([seen.labels for seen in all_])
        annotations = all_texts([seen.annotations for seen in all_])
        self._known.update(zip(map(id, all_), zip(labels, annotations, strict=True), strict=True))

    def of(self, seen: Observation) -> tuple[str, str]:
        """Labels and annotations."""
        known = self._known.get(id(seen))
        if known is None:
            known = self._known[id(seen)] = texts(seen.labels), texts(seen.annotations)
        return known
