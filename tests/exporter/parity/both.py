"""blackbox_exporter and ours, with the same modules in the same words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.exporter.parity.frame import MOVES, SAME, Near, assert_parity, at
from tests.exporter.serving import Served, serving
from tests.servers.peers import blackbox_exporter

ANY: Mapping[str, Near] = {"probe_success": SAME, "probe_duration_seconds": MOVES}
LOOKED_UP = {
    **ANY,
    "probe_dns_lookup_time_seconds": MOVES,
    "probe_ip_addr_hash": SAME,
    "probe_ip_protocol": SAME,
}


@dataclass(frozen=True, slots=True)
class Both:
    ours: Served
    theirs: str

    async def agree(self, table: Mapping[str, Near], module: str, target: str) -> None:
        query = f"/probe?{urlencode({'module': module, 'target': target})}"
        mine, peer = at(self.ours.url + query), at(self.theirs + query)
        await assert_parity(table, mine, peer, prefix="probe_")


@asynccontextmanager
async def both(folder: Path, modules: Mapping[str, Any]) -> AsyncIterator[Both]:
    config = folder / "blackbox.yml"
    config.write_text(yaml.safe_dump({"modules": modules}))
    async with (
        blackbox_exporter(config, folder) as theirs,
        serving(folder, modules=modules) as ours,
    ):
        yield Both(ours, theirs.removesuffix("/metrics"))
