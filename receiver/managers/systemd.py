"""Services under systemd, by `systemctl`: it is on every such machine, and polkit or sudo can allow it verb by verb.

systemd answers an order when it is done, so a restart is waited for; when that takes too long the order goes on in
systemd and only the waiting ends. Its limit of starts is its own protection and is never reset from here.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, NoReturn

import psutil
from pydantic import AfterValidator

from prunella.redaction import printable, redact
from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus, Verb
from receiver.managers.pids import not_catching, resident_of
from receiver.tools import Finished, OutsideError, Tools

_LOOK_TIMEOUT = 10.0
_ORDER_TIMEOUT = 90.0  # what systemd itself gives a start by default, and a stop
_QUIET = ("--no-pager", "--no-ask-password")
_PROPERTIES = (
    *("LoadState", "ActiveState", "SubState", "Job", "MainPID", "NRestarts", "Result", "CanReload"),
    *("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic", "MemoryCurrent"),
    *("InactiveExitTimestampMonotonic", "StartLimitBurst", "StartLimitIntervalUSec"),
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9:_.\\-]*(@[A-Za-z0-9:_.\\-]+)?\.service")
_OTHER_KINDS = re.compile(
    r"\.(?:target|slice|scope|socket|mount|automount|swap|device|timer|path|snapshot)$"
)
# without these nobody can reach or boot the machine, or ask systemd for anything
_NEVER = re.compile(
    r"(?:systemd-.*|initrd-.*|dbus(?:-broker)?|polkitd?|(?:serial-|console-|container-)?getty(?:@.*)?|user(?:-runtime-dir)?@.*"
    r"|sshd?(?:@.*)?|NetworkManager|networking|network|emergency|rescue|init|halt|poweroff|reboot|kexec|shutdown)\.service"
)
_NO_ACCESS = re.compile(
    r"(?i)authentication required|access denied|permission denied|password is|not allowed to execute|must have a tty"
)
_NO_BUS = re.compile(r"(?i)failed to connect to bus|not been booted with systemd")
_UP = {"active", "reloading", "refreshing"}
_BETWEEN = {"activating", "deactivating"}
_NO_NUMBER = 2**64 - 1  # how systemd writes "not counted" where it does not say so


def _check_unit(text: str) -> str:
    if _OTHER_KINDS.search(text):
        raise ValueError(
            "must be a service: other kinds of units hold processes that are not yours"
        )
    name = text if text.endswith(".service") else f"{text}.service"
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise ValueError(
            "must be the name of one service (`api.service`, `worker@2.service`): no option, no pattern"
        )
    if _NEVER.fullmatch(name):
        raise ValueError(
            "is a unit that the machine itself depends on: it is never repaired from here"
        )
    return name


class Systemd(Manager):
    """A service of systemd. `unit` is its name (`api.service`, `worker@2.service`); with `user: true` it is one of the
    receiver's own user manager.

    A restart is `systemctl restart`: dependent units follow as their files say, and `StartLimitBurst=` holds: where it
    is reached the restart fails, and says how to reset it. Reload is `systemctl reload` where the unit has `ExecReload=`,
    otherwise a restart. A signal goes to the main process only.

    Privileges: none to look. To act, the polkit rule in docs/examples/50-prunella.rules, for exactly these units and
    verbs; where polkit is too old for rules, sudo by docs/examples/systemctl-by-sudo and one line for each verb:
    `prunella ALL=(root) NOPASSWD: /usr/bin/systemctl --no-pager --no-ask-password restart api.service`.
    """

    executable: ClassVar[str | None] = "systemctl"
    verbs: ClassVar[frozenset[Verb]] = frozenset({"restart", "reload", "signal"})
    # `ExecReload=` mostly signals a process, which keeps its folder
    reload_follows: ClassVar[bool] = False
    gap: ClassVar[str] = "the unit has no `ExecReload=`, or does not run"

    unit: Annotated[str, AfterValidator(_check_unit)]
    user: bool = False

    async def status(self, tools: Tools) -> ProcessStatus:
        return _status(await self._look(tools))

    async def restart(self, tools: Tools) -> None:
        await self._order(tools, "restart")

    async def reload(self, tools: Tools) -> None:
        await self._order(tools, "reload" if await self.zero_downtime(tools) else "restart")

    async def zero_downtime(self, tools: Tools) -> bool:
        facts = await self._look(tools)
        return facts.get("CanReload") == "yes" and facts.get("ActiveState") in _UP

    async def signal(self, tools: Tools, name: str) -> None:
        main = _status(await self._look(tools)).pids
        if not main:
            raise ManagerError(f"{self.unit} has no main process", started=False)
        if await asyncio.to_thread(not_catching, main, name):
            raise ManagerError(f"pid {main[0]} does not handle {name}: it would end", started=False)
        # the old spelling of --kill-whom: systemd 251 and older know no other, newer ones take it as an abbreviation
        await self._order(tools, "kill", "--kill-who=main", f"--signal={name}")

    async def resident_bytes(self, tools: Tools) -> int | None:
        facts = await self._look(tools)
        seen = await asyncio.to_thread(resident_of, _status(facts).pids)
        counted = _number(facts, "MemoryCurrent")
        return seen or (counted if 0 < counted < _NO_NUMBER else None)

    async def _look(self, tools: Tools) -> Mapping[str, str]:
        ended = await self._systemctl(
            tools, "show", f"--property={','.join(_PROPERTIES)}", timeout=_LOOK_TIMEOUT
        )
        if ended.exit_code is None:
            raise ManagerError(f"systemd gave no answer within {_LOOK_TIMEOUT:g} s", started=False)
        facts = dict(line.split("=", 1) for line in ended.output.splitlines() if "=" in line)
        if ended.exit_code != 0 or "LoadState" not in facts:
            _refuse_known(ended.output)
            raise ManagerError(f"`systemctl show`: {_said(ended)}", started=False)
        return facts

    async def _order(self, tools: Tools, verb: str, *options: str) -> None:
        """Has it done; returns also when systemd is still at it. Raises ManagerError that says what to do."""
        before = await self._look(tools)
        seen = _status(before)
        if seen.state is ProcessState.MISSING:
            raise ManagerError(f"systemd knows no {self.unit}", started=False)
        if tools.ourselves.intersection(seen.pids):
            raise ManagerError(f"{self.unit} is the receiver itself", started=False)
        ended = await self._systemctl(tools, verb, *options, timeout=_ORDER_TIMEOUT)
        if ended.exit_code == 0:
            return
        if ended.exit_code is None:
            await self._require_begun(tools, verb)
            return
        _refuse_known(ended.output)
        self._refuse(verb, ended)
        await self._explain(tools, verb, ended, before)

    async def _require_begun(self, tools: Tools, verb: str) -> None:
        if _status(await self._look(tools)).state is not ProcessState.STARTING:
            raise ManagerError(f"`systemctl {verb}` did not end within {_ORDER_TIMEOUT:g} s")

    def _refuse(self, verb: str, ended: Finished) -> None:
        """What is refused before anything is done."""
        if ended.exit_code == 4 or _NO_ACCESS.search(ended.output):
            raise ManagerError(self._without_access(verb), started=False)
        if "is masked" in ended.output:
            why = f"{self.unit} is masked: `systemctl unmask {self.unit}` allows it to run"
            raise ManagerError(why, started=False)
        if ended.exit_code in {3, 5}:  # not applicable to it, not there
            raise ManagerError(f"`systemctl {verb}`: {_said(ended)}", started=False)

    async def _explain(
        self, tools: Tools, verb: str, ended: Finished, before: Mapping[str, str]
    ) -> NoReturn:
        after = await self._look(tools)
        if "Job for" in ended.output and _not_even_tried(before, after):
            raise ManagerError(self._start_limit(after))
        why = f"`systemctl {verb}`: {_said(ended)} (Result={after.get('Result', '')})"
        raise ManagerError(f"{why}; `journalctl --unit={self.unit}` tells more")

    def _start_limit(self, facts: Mapping[str, str]) -> str:
        limit = f"{facts.get('StartLimitBurst')} starts in {facts.get('StartLimitIntervalUSec')}"
        own = " --user" if self.user else ""
        return (
            f"systemd starts {self.unit} no more (start-limit-hit, {limit}): find the cause with `journalctl{own} "
            f"--unit={self.unit}`, then `systemctl{own} reset-failed {self.unit}` and `systemctl{own} start {self.unit}`"
        )

    def _without_access(self, verb: str) -> str:
        command = " ".join(("/usr/bin/systemctl", *self._arguments(verb)))
        return (
            f"systemd does not let us {verb} {self.unit}: allow it to {_our_name()} by the polkit rule in "
            f"docs/examples/50-prunella.rules, or by sudo: {_our_name()} ALL=(root) NOPASSWD: {command}"
        )

    def _arguments(self, verb: str, *options: str) -> tuple[str, ...]:
        return (*(("--user",) if self.user else ()), *_QUIET, *options, verb, self.unit)

    async def _systemctl(self, tools: Tools, verb: str, *options: str, timeout: float) -> Finished:
        program = tools.executables.get("systemctl", "systemctl")
        home = {"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}"} if self.user else {}
        try:
            return await tools.programs.run(
                [program, *self._arguments(verb, *options)],
                timeout=timeout,
                env={"LC_ALL": "C", **home},
            )
        except OutsideError as error:
            raise ManagerError(str(error), started=error.sent) from error


def _refuse_known(output: str) -> None:
    """What is the same for a look and for an order."""
    if _NO_BUS.search(output):
        why = printable(redact(output.strip().splitlines()[-1]))[:200]
        raise ManagerError(f"cannot reach systemd: {why}", started=False)


def _not_even_tried(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether the limit of starts was reached. `Result` says so only after a clean end: otherwise it keeps the cause."""
    left_rest = "InactiveExitTimestampMonotonic"
    refused = after.get("ActiveState") == "failed" and before.get(left_rest) == after.get(left_rest)
    return refused or after.get("Result") == "start-limit-hit"


def _status(facts: Mapping[str, str]) -> ProcessStatus:
    active, pid = facts.get("ActiveState"), _number(facts, "MainPID")
    if active in _UP:
        state = ProcessState.UP
    elif active in _BETWEEN or _number(facts, "Job"):  # `inactive` in the middle of a restart
        state = ProcessState.STARTING
    else:
        missing = facts.get("LoadState") == "not-found"
        state = ProcessState.MISSING if missing else ProcessState.DOWN
    return ProcessStatus(
        state=state,
        started_at=_since(facts) if state is ProcessState.UP else None,
        pids=(pid,) if pid else (),
        restarts=_number(facts, "NRestarts"),
    )


def _since(facts: Mapping[str, str]) -> float | None:
    """When the main process was started; for a unit that stays active without one, when it became so."""
    main = _number(facts, "ExecMainStartTimestampMonotonic")
    after_boot = main or _number(facts, "ActiveEnterTimestampMonotonic")
    return psutil.boot_time() + after_boot / 1e6 if after_boot else None


def _number(facts: Mapping[str, str], name: str) -> int:
    text = facts.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _said(ended: Finished) -> str:
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    return printable(redact(lines[0]))[:200] if lines else f"exit code {ended.exit_code}"


def _our_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"#{os.geteuid()}"  # as sudoers writes a number
