from __future__ import annotations

from exporter.proc.command_lines import GOOD_FOR, YOUNG, CommandLines
from exporter.proc.processes import Process

OLD = 10_000.0


class Lines:
    """What /proc would say, and how often it was asked."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.asked: list[int] = []

    def read(self, pid: int) -> str:
        self.asked.append(pid)
        return self.texts.get(pid, "")


def one(pid: int = 7, started: float = 0.0, **more: object) -> dict[int, Process]:
    process = Process(pid, 1, 0.0, 0.0, 0, started, name="app")
    for name, value in more.items():
        setattr(process, name, value)
    return {pid: process}


def test_a_line_is_read_once_and_remembered() -> None:
    lines = Lines()
    known = CommandLines(lines.read)
    lines.texts[7] = "app --serve"
    assert [known.of(one(), OLD + at)[7] for at in (0, 15, 30)] == ["app --serve"] * 3
    assert lines.asked == [7]


def test_a_young_process_is_read_again_because_it_may_still_rename_itself() -> None:
    lines = Lines()
    known = CommandLines(lines.read)
    lines.texts[7] = "postgres"
    known.of(one(started=OLD), OLD + 1)
    lines.texts[7] = "postgres: checkpointer"
    assert known.of(one(started=OLD), OLD + 2)[7] == "postgres: checkpointer"
    known.of(one(started=OLD), OLD + YOUNG + 1)
    asked = len(lines.asked)
    known.of(one(started=OLD), OLD + YOUNG + 2)
    assert len(lines.asked) == asked


def test_a_pid_that_has_another_process_now_has_its_line() -> None:
    lines = Lines()
    known = CommandLines(lines.read)
    lines.texts[7] = "old"
    known.of(one(started=5.0), OLD)
    lines.texts[7] = "new"
    assert known.of(one(started=OLD - 100), OLD)[7] == "new"


def test_another_name_and_a_long_time_make_it_read_again() -> None:
    lines = Lines()
    known = CommandLines(lines.read)
    known.of(one(), OLD)
    lines.texts[7] = "exec"
    assert known.of(one(name="other"), OLD + 1)[7] == "exec"
    lines.texts[7] = "renamed"
    assert known.of(one(name="other"), OLD + GOOD_FOR + 70)[7] == "renamed"


def test_a_thread_of_the_kernel_is_not_asked() -> None:
    lines = Lines()
    assert CommandLines(lines.read).of(one(kernels=True), OLD) == {7: ""}
    assert lines.asked == []


def test_what_has_ended_is_forgotten() -> None:
    lines = Lines()
    known = CommandLines(lines.read)
    known.of(one(), OLD)
    assert known.of({}, OLD) == {}
    known.of(one(), OLD)
    assert lines.asked == [7, 7]
