"""What a notice looks like wherever it is read: its colour, its sign, and whether it has to be noticed."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.channels.base import Notice

GOOD = frozenset({"healed", "resolved", "thawed"})
# who is asked to do something must hear it; what only goes on can be read when one looks
ASKING = frozenset({"approval_requested", "ineffective", "escalated", "frozen"})
FACTS_MOST = 10


@dataclass(frozen=True, slots=True)
class Look:
    """A colour as 0xRRGGBB, and a sign for where there is no colour."""

    colour: int
    sign: str

    @property
    def web(self) -> str:
        """As `#rrggbb`."""
        return f"#{self.colour:06x}"


_CRITICAL = Look(0xD72B3F, "🔴")
_WARNING = Look(0xE8A723, "🟠")
_GOOD = Look(0x2EB67D, "🟢")
_LOOKS = {"critical": _CRITICAL, "warning": _WARNING}


def look_of(notice: Notice) -> Look:
    """Red is critical, orange a warning, green is for information and for what is well again."""
    return _GOOD if notice.event in GOOD or notice.ended else _LOOKS.get(notice.severity, _GOOD)


def about(notice: Notice, environment: str | None) -> str:
    """The line of small print."""
    number = f"incident {notice.incident}" if notice.incident > 0 else ""
    return " · ".join(
        word for word in (notice.severity, notice.event, notice.step, environment, number) if word
    )


def goes_on(notice: Notice) -> bool:
    """Whether more may follow in the same thread: of an incident or a release, not of a digest or a test."""
    return notice.incident > 0 or notice.event == "release"
