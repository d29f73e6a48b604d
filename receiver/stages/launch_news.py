"""What is recorded and told of a launch watch: every checkpoint in the audit, a message when the finding is another one.

Each release is a conversation of its own in every channel, as an incident is: its messages are in order, and in one
thread where the channel has threads. Its number there is below zero, because those above are incidents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from receiver.channels.base import Notice
from receiver.decide.diff import diff_link
from receiver.decide.launch_report import after, message, reasons, title
from receiver.decide.regression import Finding
from receiver.decide.release import Release
from receiver.decide.signals import SIGNALS
from receiver.decide.watching import Checkpoint, Launch, Outcome, before
from receiver.journal.launches import Step
from receiver.journal.mail import Letter
from receiver.stages.context import Context
from receiver.stages.notify import news
from receiver.stages.releases import service_of

EVENT = "release"
SEVERITIES = {Finding.PASS: "info", Finding.DEGRADED: "warning", Finding.INCONCLUSIVE: "info"}
TITLES = {
    Outcome.STABLE: "stable",
    Outcome.UNPROVEN: "not proven good",
    Outcome.REPLACED: "replaced",
    Outcome.BAD: "gone back from",
}
WELL_OVER = frozenset({Outcome.STABLE, Outcome.REPLACED})  # nobody has to do anything any more
_CURE = "It stays `watching`. If it is good, say `prunella restore-point`."


def told(context: Context, was: Launch, now: Launch) -> Step:
    """A checkpoint that was just taken: its audit row, and letters when it is not what the one before was."""
    one = now.checkpoints[-1]
    row = {
        **named(now),
        "phase": one.phase,
        "due": one.due,
        "finding": str(one.finding),
        "degraded": _names(one, Finding.DEGRADED),
        "inconclusive": _names(one, Finding.INCONCLUSIVE),
    }
    same = was.last is not None and was.last.finding is one.finding
    letters = () if same else _letters(context, now, str(one.finding), _text(now, one))
    return Step(now, (("launch_checkpoint", row),), letters)


def went_live(context: Context, launch: Launch, ledger: Sequence[Release]) -> tuple[Letter, ...]:
    """That it serves now, be it by a deploy or by going back: a mark beside whatever happens next."""
    release, earlier = launch.release, before(ledger, launch.release)
    what = "rolled back" if release.rollback else "deployed"
    instead = "" if earlier is None else f" in place of {earlier.version}"
    target = context.settings().targets.get(release.target)
    facet = None if target is None else target.release
    said = f"[{what}] {release.target} {release.version}"
    text = f"{release.version} serves on {release.target}{instead} (said by {release.by})."
    links = diff_link(None if facet is None else facet.compare, release, ledger)
    return news(context, replace(_notice(context, launch, "live", said, text), links=links))


def ended_step(context: Context, step: Step, outcome: Outcome, why: str = "") -> Step:
    """The end of a watch: its audit rows, and its report instead of what else was to be told."""
    at = context.now()
    launch = replace(step.launch, ended_at=at, outcome=outcome)
    found = {str(word): count for word, count in launch.findings.items()}
    row = {**named(launch), "outcome": str(outcome), "checkpoints": found}
    rows = [*step.rows, ("launch_ended", {**row, "why": why} if why else row)]
    rows += _promotion(launch) if outcome is Outcome.STABLE else []
    said = message(launch)
    text = f"{why}. {_CURE}\n\n{said}" if why else said
    letters = _letters(context, launch, TITLES[outcome], text) if launch.checkpoints else ()
    return Step(launch, tuple(rows), letters)


def _promotion(launch: Launch) -> list[tuple[str, dict[str, object]]]:
    by = {**named(launch), "state": str(launch.release.state), "by": "launch watch"}
    point = launch.release.restore_point_at == launch.release.stable_at
    return [("release_stable", by), *([("restore_point", by)] if point else [])]


def _letters(context: Context, launch: Launch, word: str, text: str) -> tuple[Letter, ...]:
    last = launch.last
    about = "ended" if launch.outcome is not None or last is None else f"{last.due:.3f}"
    notice = _notice(context, launch, about, f"[{word}] {title(launch)}", text)
    ended = launch.outcome in WELL_OVER
    return news(context, replace(notice, severity=_severity(launch), ended=ended))


def _notice(context: Context, launch: Launch, about: str, said: str, text: str) -> Notice:
    """Of no incident; `about` tells two of one release apart."""
    return Notice(
        event=EVENT,
        incident=0,
        episode="",
        step="",
        severity="info",
        title=said[:300],
        text=text,
        at=context.now(),
        dedup_key=f"prunella-{context.journal.name}-release-{launch.release.id}-{about}",
        labels=_labels(context, launch.release),
        facts=_facts(launch),
    )


def _labels(context: Context, release: Release) -> dict[str, str]:
    target = context.settings().targets.get(release.target)
    service = release.target if target is None else service_of(target)
    return {"service": service, "target": release.target, "version": release.version}


def _severity(launch: Launch) -> str:
    if launch.outcome is not None:
        return "warning" if launch.outcome in {Outcome.UNPROVEN, Outcome.BAD} else "info"
    return "info" if launch.last is None else SEVERITIES[launch.last.finding]


def _facts(launch: Launch) -> dict[str, str]:
    release, last = launch.release, launch.last
    facts = {"release": f"{release.target} {release.version}"}
    if release.commit:
        facts["commit"] = release.commit
    if last is not None:
        facts["after the deploy"] = after(launch, last.at)
        facts["checkpoints"] = ", ".join(f"{n} {word}" for word, n in launch.findings.items())
    return facts


def _text(launch: Launch, one: Checkpoint) -> str:
    release = launch.release
    more = f"prunella release report {release.target} {release.version}"
    return f"{reasons(one)}\nAll of it: {more}"


def _names(one: Checkpoint, finding: Finding) -> list[str]:
    return [
        each.signal
        for each in one.signals
        if each.counted and each.finding is finding and each.signal in SIGNALS
    ]


def named(launch: Launch) -> dict[str, object]:
    """Whose watch it is, for an audit row."""
    release = launch.release
    return {"release": release.id, "target": release.target, "version": release.version}
