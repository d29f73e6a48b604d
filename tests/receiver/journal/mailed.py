"""Letters and what a digest keeps of them."""

from __future__ import annotations

from receiver.journal.mail import Letter, Tally


def a_letter(event: str = "opened", *, above: int | None = 2, **body: object) -> Letter:
    return Letter("ops", event, {"severity": "info", "title": "t", **body}, f"d-{event}", above)


def a_tally(*incidents: int) -> Tally:
    tally = Tally()
    for incident in incidents:
        tally.add(incident, a_letter())
    return tally
