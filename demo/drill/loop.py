"""The loop as seen from outside: the shop's switch, Prometheus' alerts, the receiver's incidents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from demo.releases.rollout import Rollout
from demo.stack.places import Places

UNREACHABLE = (aiohttp.ClientError, TimeoutError)


class Loop:
    """Asks and tells; raises what aiohttp raises when a part is not there."""

    def __init__(
        self, session: aiohttp.ClientSession, places: Places, token: str, rollout: Rollout
    ) -> None:
        self._session = session
        self._rollout = rollout
        self._places = places
        self._headers = {"Authorization": f"Bearer {token}"}

    async def shop_is_well(self) -> bool:
        """Whether customers are served now."""
        try:
            return (await self._get("shop", "/products"))[0] == 200
        except UNREACHABLE:
            return False

    async def break_shop(self, fault: Mapping[str, object]) -> None:
        """Turns the switch; raises when the shop does not take it."""
        url = f"{self._places.url('shop')}/admin/fault"
        async with self._session.post(url, json=dict(fault)) as response:
            response.raise_for_status()

    async def name_of(self, release: str) -> str:
        """Under which it can be deployed: what was bad is not deployed again."""
        return await self._rollout.name_for(release)

    async def deploy(self, release: str) -> None:
        """As a CI job does it, whatever comes of it."""
        await self._rollout.deploy(release, lambda stage, detail: None)

    async def approve(self, incident: int) -> None:
        """Says yes, as the human who was asked."""
        url = f"{self._places.url('receiver')}/api/v1/incidents/{incident}/approve"
        async with self._session.post(url, json={}, headers=self._headers) as response:
            response.raise_for_status()

    async def alerts(self, service: str) -> list[dict[str, Any]]:
        """The service's critical alerts at Prometheus that a playbook answers, pending and firing.

        A burnt error budget is none of them: it looks back over hours, and remembers every drill.
        """
        _, body = await self._get("prometheus", "/api/v1/alerts")
        return [
            alert
            for alert in body["data"]["alerts"]
            if alert["labels"].get("service") == service
            and alert["labels"].get("severity") == "critical"
            and alert["labels"].get("action") != "none"
        ]

    async def value(self, query: str) -> float:
        """Of the first series of an instant query; 0 when there is none."""
        _, body = await self._get("prometheus", "/api/v1/query", query=query)
        result = body["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    async def incidents(self, target: str) -> list[dict[str, Any]]:
        """The newest of those that touch the target, newest first."""
        _, body = await self._get("receiver", "/api/v1/incidents", limit="50")
        return [incident for incident in body["incidents"] if target in incident["targets"]]

    async def incident(self, number: int) -> dict[str, Any]:
        """One with its timeline."""
        _, body = await self._get("receiver", f"/api/v1/incidents/{number}")
        return body

    async def _get(self, part: str, path: str, **params: str) -> tuple[int, dict[str, Any]]:
        headers = self._headers if part == "receiver" else {}
        url = f"{self._places.url(part)}{path}"
        async with self._session.get(url, params=params, headers=headers) as response:
            if part == "receiver":
                response.raise_for_status()
            return response.status, (await response.json(content_type=None) if response.ok else {})
