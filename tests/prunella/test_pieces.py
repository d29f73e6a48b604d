"""What did not change is not joined again, and what stands around a value is not lost."""

from __future__ import annotations

from contextlib import nullcontext

from prunella.pieces import PIECE, Blocks, Lines


def _shown(blocks: Blocks) -> list[bytes]:
    out: list[bytes] = []
    for _ in blocks.steps(nullcontext(), out):
        """A turn of the loop."""
    return out


def _lines(count: int) -> Lines:
    lines = Lines()
    for place in range(count):
        lines.frame(f"a{place} ", "\n")
        lines.blocks[place] = f"{place}.5"
    return lines


def test_every_value_stands_in_its_frame() -> None:
    text = "".join(f"a{place} {place}.5\n" for place in range(2 * PIECE + 3))
    assert b"".join(_shown(_lines(2 * PIECE + 3))).decode() == text


def test_a_piece_without_changes_is_the_same_bytes() -> None:
    lines = _lines(3 * PIECE)
    before = _shown(lines)
    lines.blocks[PIECE] = "7.0"
    lines.changed([PIECE])
    after = _shown(lines)
    assert after[0] is before[0]
    assert after[2] is before[2]
    assert after[1].startswith(f"a{PIECE} 7.0\n".encode())


def test_a_line_that_comes_later_is_in_its_place() -> None:
    lines = _lines(PIECE)
    first = _shown(lines)
    lines.frame("late ", " # tail\n")
    lines.blocks[PIECE] = "1.0"
    assert _shown(lines) == [*first, b"late 1.0 # tail\n"]


def test_whole_blocks_are_shown_as_they_are() -> None:
    blocks = Blocks()
    for text in ("one\n", "two\n"):
        blocks.add(text)
    assert _shown(blocks) == [b"one\ntwo\n"]


def test_nothing_is_shown_of_nothing() -> None:
    assert _shown(Lines()) == []
