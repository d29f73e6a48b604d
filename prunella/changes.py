"""What a family of series knows of itself between two pages: which children changed, and whether some came or went."""

from __future__ import annotations

from collections.abc import Hashable
from threading import RLock
from typing import Protocol


class Reader(Protocol):
    """What shows a family in one format."""

    def begin(self) -> None:
        """All of its children are others than before."""

    def read(self, changed: list[Shown]) -> None:
        """These have to be read again."""


class Shown(Protocol):
    """A child, as a family sees it."""

    shown: bool
    place: int
    told: Family | None


class Source(Protocol):
    """Where the children are."""

    def children(self) -> list[tuple[tuple[str, ...], Shown]]:
        """Each with the values of its labels, in the order in which they are shown."""


class Family:
    """The children of one metric. They add themselves to `changed`: a list takes that from many threads at once."""

    def __init__(self, source: Source) -> None:
        self.changed: list[Shown] = []
        self.reshaped = True  # children came or went
        self.renewed = False  # one has to be shown differently, not only its value
        self.guard = RLock()  # of whoever reads
        self.readers: dict[Hashable, Reader] = {}
        self.children: list[Shown] = []
        self.values: list[tuple[str, ...]] = []
        self._source = source
        self._shrank = False

    def update(self) -> None:
        """Tells the readers what they have to read again; they mark each as shown, then read it, in this order."""
        if self.renewed:
            self.renewed = False
            self._begin([])
            self.reshaped = True
        if self.reshaped:
            self.reshaped = False
            self._reshape()
        count = len(self.changed)
        if count:
            batch = self.changed[:count]
            del self.changed[:count]
            if self._shrank:
                batch = [child for child in batch if self._has(child)]
            for reader in self.readers.values():
                reader.read(batch)

    def _has(self, child: Shown) -> bool:
        return child.place < len(self.children) and self.children[child.place] is child

    def _reshape(self) -> None:
        found = self._source.children()
        children = [child for _, child in found]
        known = len(self.children)
        if children[:known] != self.children:
            self._begin([])
            self._shrank = True
            known = 0
        for place in range(known, len(children)):
            child = children[place]
            child.place, child.told, child.shown = place, self, True
        self.children = children
        self.values = [values for values, _ in found]

    def _begin(self, children: list[Shown]) -> None:
        self.children = children
        for reader in self.readers.values():
            reader.begin()
