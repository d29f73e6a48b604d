from __future__ import annotations

from collections.abc import Sequence

from exporter.collectors.base import Collected
from exporter.proc.details import Details
from exporter.proc.groups import Group, Member, Used, group_families
from exporter.proc.processes import Process
from tests.exporter.reading import names, value

CPU = "namedprocess_namegroup_cpu_seconds_total"
NOW = 1000.0


def member(pid: int = 7, user: float = 5.0, started: float = 10.0, **more: object) -> Member:
    process = Process(pid, 1, user, 1.0, 4096, started, threads=2, minor=30, name="app")
    details = Details(8192, 5, 6, 100, 200, 10, 40)
    for name, given in more.items():
        setattr(details if hasattr(details, name) else process, name, given)
    return Member(process, details)


class Scrapes:
    """One scrape after the other of what is said to be there."""

    def __init__(self) -> None:
        self._used, self.now = Used(), NOW

    def __call__(self, *members: Member, name: str = "app", zombies: int = 0) -> Collected:
        return self.of([Group(name, list(members), zombies)])

    def of(self, groups: Sequence[Group]) -> Collected:
        self.now += 10
        used = self._used.add(groups, self.now)
        return Collected(tuple(group_families(groups, used, 1_700_000_000.5)))


def test_a_group_is_the_sum_of_its_processes() -> None:
    found = Scrapes()(member(7), member(8, started=5.0))
    assert value(found, "namedprocess_namegroup_num_procs", groupname="app") == 2
    assert value(found, "namedprocess_namegroup_num_threads") == 4
    assert value(found, "namedprocess_namegroup_memory_bytes", memtype="resident") == 8192
    assert value(found, "namedprocess_namegroup_memory_bytes", memtype="swapped") == 16384
    assert value(found, "namedprocess_namegroup_oldest_start_time_seconds") == 1_700_000_005


def test_the_worst_share_of_descriptors_is_the_one_shown() -> None:
    found = Scrapes()(member(7), member(8, open_files=30))
    assert value(found, "namedprocess_namegroup_open_filedesc") == 40
    assert value(found, "namedprocess_namegroup_worst_fd_ratio") == 30 / 40


def test_descriptors_without_a_limit_are_never_near_it() -> None:
    found = Scrapes()(member(most_files=None))
    assert value(found, "namedprocess_namegroup_worst_fd_ratio") == 0


def test_a_counter_begins_when_we_do() -> None:
    scrapes = Scrapes()
    assert value(scrapes(member(user=5.0)), CPU, mode="user") == 0
    assert value(scrapes(member(user=7.5)), CPU, mode="user") == 2.5


def test_a_process_that_was_started_later_counts_in_full() -> None:
    scrapes = Scrapes()
    scrapes(member(7))
    assert value(scrapes(member(7), member(8, user=3.0, started=NOW + 12)), CPU, mode="user") == 3


def test_a_counter_does_not_fall_when_a_process_ends() -> None:
    scrapes = Scrapes()
    scrapes(member(7), member(8))
    scrapes(member(7, user=6.0), member(8, user=9.0))
    assert value(scrapes(member(7, user=6.0)), CPU, mode="user") == 5
    assert value(scrapes(), CPU, mode="user") == 5


def test_a_pid_that_has_another_process_now_is_no_step_back() -> None:
    scrapes = Scrapes()
    scrapes(member(7, user=50.0))
    found = scrapes(member(7, user=1.0, started=NOW + 15))
    assert value(found, CPU, mode="user") == 1


def test_a_group_that_is_gone_is_gone_with_its_counters() -> None:
    scrapes = Scrapes()
    scrapes(member(user=1.0))
    scrapes(member(user=4.0))
    assert names(scrapes.of([])) == set()
    assert value(scrapes(member(8, user=6.0, started=NOW + 25)), CPU, mode="user") == 6


def test_a_configured_group_without_processes_is_there_with_none() -> None:
    found = Scrapes()(name="worker")
    assert value(found, "namedprocess_namegroup_num_procs", groupname="worker") == 0
    assert value(found, "namedprocess_namegroup_memory_bytes") is None


def test_states_are_counted_and_who_waits_for_a_parent_is_a_zombie() -> None:
    found = Scrapes()(member(state="D"), member(8, state="T"), zombies=3)
    states = {
        state: value(found, "namedprocess_namegroup_states", state=state)
        for state in ("Running", "Sleeping", "Waiting", "Zombie", "Other")
    }
    assert states == {"Running": 0, "Sleeping": 0, "Waiting": 1, "Zombie": 3, "Other": 1}


def test_what_one_process_hides_is_not_shown_in_part() -> None:
    found = Scrapes()(member(7), member(8, open_files=None, read=None))
    assert value(found, "namedprocess_namegroup_open_filedesc") is None
    assert value(found, "namedprocess_namegroup_read_bytes_total") is None
    assert value(found, "namedprocess_namegroup_num_procs") == 2
