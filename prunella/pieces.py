"""The text of a family, some hundred blocks of it in one piece of bytes: what did not change is not joined again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager

PIECE = 512  # blocks


class Blocks:
    """One after the other."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.made: list[bytes | None] = []  # None where a block has changed

    def add(self, block: str) -> None:
        """Behind all others."""
        self.blocks.append(block)
        self.made[(len(self.blocks) - 1) // PIECE :] = [None]

    def changed(self, places: Iterable[int]) -> None:
        """The blocks there are others now."""
        for piece in {place // PIECE for place in places}:
            self.made[piece] = None

    def steps(self, guard: AbstractContextManager[object], out: list[bytes]) -> Iterator[None]:
        """Adds all to `out`."""
        for piece, kept in enumerate(self.made):
            if kept is not None:
                out.append(kept)
                continue
            with guard:  # or a change between the two lines would be lost
                made = self._joined(piece).encode()
                self.made[piece] = made
            out.append(made)
            yield

    def _joined(self, piece: int) -> str:
        return "".join(self._of(piece))

    def _of(self, piece: int) -> list[str]:
        return self.blocks[piece * PIECE : (piece + 1) * PIECE]


class Lines(Blocks):
    """Of each block only its value changes: what stands around it stays where it will be joined."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[list[str]] = []

    def frame(self, before: str, after: str) -> None:
        """A new one, whose value is not there yet."""
        self.add("")
        if len(self.made) > len(self._pieces):
            self._pieces.append([])
        self._pieces[-1] += before, "", after

    def _joined(self, piece: int) -> str:
        framed = self._pieces[piece]
        framed[1::3] = self._of(piece)
        return "".join(framed)
