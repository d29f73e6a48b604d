"""What playbooks have shown, as it is asked of either engine: by the same statements, with the same answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from receiver.decide.track_record import PastRun, Refusals, Withheld
from receiver.decide.trust import Tally
from receiver.journal import trust_rows as rows
from receiver.journal.rows import Row


class TrackRecords:
    """The part of `receiver.journal.trust.Trust` that only reads, for a journal that can be asked."""

    async def tallies(
        self, since: float, recurrence: float, *, fresh: bool = False
    ) -> tuple[Tally, ...]:
        sql = rows.FRESH if fresh else rows.TALLIES
        return tuple(map(rows.tally_of, await self._all(sql, since, recurrence)))

    async def refusals(self, since: float) -> tuple[Refusals, ...]:
        found = await self._all(rows.REFUSALS, int(since // rows.DAY))
        return tuple(map(rows.refusals_of, found))

    async def past_runs(self, playbook: str, limit: int) -> tuple[PastRun, ...]:
        return tuple(map(rows.past_run_of, await self._all(rows.PAST_RUNS, playbook, limit)))

    async def withheld(self, playbook: str, since: float, limit: int) -> tuple[Withheld, ...]:
        found = await self._all(rows.WITHHELD_OF, playbook, since, limit)
        return tuple(map(rows.withheld_of, found))

    async def human_times(self, since: float) -> Mapping[str, Sequence[float]]:
        return rows.human_times_of(await self._all(rows.HUMANS, since))

    async def _all(self, sql: str, *values: object) -> Sequence[Row]:
        raise NotImplementedError
