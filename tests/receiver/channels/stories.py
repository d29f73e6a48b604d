"""Notices that say a lot, and notices that mean harm: the same for every channel."""

from __future__ import annotations

from dataclasses import replace

from receiver.channels.base import Notice, Question
from tests.receiver.channels.notices import a_notice

NONCE = "0123456789abcdef.AbCd-_gh1234"
FACTS = {
    "Tried": "restart on shop: still broken after 2 m 10 s",
    "Next": "rollback of shop to 1.4.2, when somebody approves it",
    "Release": "1.4.3 (9f2c1ab), deployed 12 minutes ago",
}
LINKS = {
    "Runbook": "https://prunella.example/runbooks/HighErrorRate",
    "Dashboard": "https://grafana.example/d/shop?var-service=shop&from=1699999700000",
}
QUESTION = Question(nonce=NONCE, plan="rollback on shop", until=1_700_003_600.0)


def opened(**changes: object) -> Notice:
    return _with(replace(a_notice(), links=LINKS), changes)


def asked(**changes: object) -> Notice:
    """Something was tried, and a human is asked about what comes next."""
    notice = a_notice(
        event="approval_requested",
        title="[approval needed] shop is down",
        text="rollback on shop: approval_required.",
        links=LINKS,
    )
    return _with(replace(notice, facts=FACTS, question=QUESTION), changes)


def ended(**changes: object) -> Notice:
    notice = a_notice(
        event="resolved", title="[resolved] shop is down", text="The alert has ended."
    )
    return _with(replace(notice, ended=True), changes)


HOSTILE = (
    "<!channel> <@U0ANN> <!subteam^S1> <http://evil.example|your bank> &lt;!here&gt; *b* _i_ ~s~ `c`",
    "@everyone @here <@1234> <@&5678> <#9> </cmd:1> [x](http://evil.example) ||s|| **b** __u__ # h\n> q",
    "<b>x</b><a href='javascript:alert(1)'>y</a><tg-spoiler>z</tg-spoiler> @somebody /start tg://user?id=1",
    "nul\x00esc\x1b[31mred\u202egnp.exe\u200bzero\u2028line\rback\ufeffbom\U000e0041tag",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea e\u0301\u0301\u0301\u0301",
    "\ud800 alone \udfff",
    "&<>" * 350_000,  # a megabyte
    '"\\' * 20_000,
    "\N{PILE OF POO}" * 5000,
    " \n\t ",
)


def hostile(text: str) -> Notice:
    """The text wherever an alert's labels and annotations may put it."""
    few = {text[:n]: text for n in range(1, 30)}
    return replace(
        asked(),
        title=text,
        text=text,
        facts={"Tried": text, **few},
        links={
            text[:100]: "https://h/?q=" + text[:50],
            "Bad": text,
            "Script": "javascript:alert(1)",
        },
        step=text,
        question=replace(QUESTION, plan=text),
        labels={"service": text},
    )


def _with(notice: Notice, changes: dict[str, object]) -> Notice:
    return replace(notice, **changes)  # type: ignore[arg-type]  # the tests name the fields
