from __future__ import annotations

import logging

import pytest

from receiver.channels.log import Log
from tests.receiver.channels.notices import a_notice
from tests.receiver.stand_ins import a_toolbox


@pytest.mark.parametrize(
    ("severity", "level"),
    [("critical", logging.ERROR), ("warning", logging.WARNING), ("info", logging.INFO)],
)
async def test_a_notice_is_one_line(
    severity: str, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="prunella.receiver.channel"):
        await Log(environment="prod").send(a_notice(severity=severity), a_toolbox())
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (level, "[firing] shop is down")
    fields = record.__dict__["fields"]
    assert (fields["incident"], fields["event"], fields["environment"]) == (12, "opened", "prod")
