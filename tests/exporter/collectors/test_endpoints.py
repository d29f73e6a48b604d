from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client.metrics_core import Metric

from exporter.collectors.base import World
from exporter.collectors.endpoints import EndpointEntry, Endpoints
from tests.exporter.probing.certificate import for_loopback
from tests.exporter.reading import names, samples, value
from tests.servers.ports import free_port
from tests.servers.process import until


class Shop:
    """A server whose answer the test changes while it is probed."""

    def __init__(self) -> None:
        self.status = 200
        self.visits = 0

    async def answer(self, _: web.Request) -> web.Response:
        self.visits += 1
        return web.Response(status=self.status, text="ok")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/", self.answer)
        async with TestServer(app) as server:
            yield str(server.make_url("/"))


class Hasty:
    """A clock whose sleeps are so short that a minute of probes takes a moment."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds
        await asyncio.sleep(0.005)


def entry(url: str, name: str = "shop", **more: object) -> EndpointEntry:
    return EndpointEntry.model_validate({"name": name, "url": url, **more})


@asynccontextmanager
async def probing(world: World, *entries: EndpointEntry) -> AsyncIterator[Endpoints]:
    collector = Endpoints(entries, world)
    await collector.start()
    try:
        yield collector
    finally:
        await collector.stop()


async def families(collector: Endpoints) -> tuple[Metric, ...]:
    return (await collector.collect(asyncio.get_running_loop().time() + 1)).families


async def wait_for(collector: Endpoints, name: str, at_least: float, /, **labels: str) -> None:
    async def reached() -> bool:
        return (value(await families(collector), name, **labels) or 0) >= at_least

    await until(reached, f"{name}{labels} is {at_least:g}")


async def test_the_first_probe_is_made_at_once() -> None:
    shop = Shop()
    async with shop.open() as url, probing(World(service="web"), entry(url)) as collector:
        await wait_for(collector, "probe_success", 1, endpoint="shop", service="web")
        found = await families(collector)
    assert value(found, "probe_http_status_code") == 200
    assert value(found, "prunella_probe_consecutive_failures", endpoint="shop", service="web") == 0
    assert value(found, "prunella_probe_latency_seconds_count", endpoint="shop", service="web") == 1
    assert 0 < (value(found, "probe_duration_seconds") or 0) < 5


async def test_nothing_is_said_of_an_endpoint_before_its_first_answer() -> None:
    found = await families(Endpoints([entry("http://127.0.0.1:9/")], World()))
    assert not {name for name in names(found) if name.startswith("probe_")}
    assert value(found, "prunella_probe_consecutive_failures") == 0
    reasons = {s.labels["reason"] for s in samples(found, "prunella_probe_failures_total")}
    assert reasons == {"dns", "connect", "tls", "timeout", "status", "body"}


async def test_failures_in_a_row_are_counted_until_a_good_probe() -> None:
    shop, clock = Shop(), Hasty()
    shop.status = 500
    async with shop.open() as url, probing(World(clock=clock), entry(url)) as collector:
        await wait_for(collector, "prunella_probe_consecutive_failures", 3)
        found = await families(collector)
        assert value(found, "probe_success") == 0
        assert value(found, "probe_http_status_code") == 500
        assert (value(found, "prunella_probe_failures_total", reason="status") or 0) >= 3
        shop.status = 200
        await wait_for(collector, "probe_success", 1)
        assert value(await families(collector), "prunella_probe_consecutive_failures") == 0


async def test_a_refused_connection_is_no_latency() -> None:
    gone = entry(f"http://127.0.0.1:{free_port()}/")
    async with probing(World(), gone) as collector:
        await wait_for(collector, "prunella_probe_failures_total", 1, reason="connect")
        found = await families(collector)
    assert value(found, "prunella_probe_latency_seconds_count") == 0
    assert value(found, "probe_http_status_code") == 0


async def test_a_timeout_is_latency() -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", hang)
    async with TestServer(app) as server:
        slow = entry(str(server.make_url("/")), timeout="100ms")
        async with probing(World(), slow) as collector:
            await wait_for(collector, "prunella_probe_failures_total", 1, reason="timeout")
            found = await families(collector)
    assert value(found, "prunella_probe_latency_seconds_count") == 1
    assert (value(found, "prunella_probe_latency_seconds_sum") or 0) >= 0.1


async def test_probes_keep_in_step_at_a_place_left_to_chance() -> None:
    shop, clock = Shop(), Hasty()
    world = World(clock=clock, jitter=lambda: 0.25)
    async with shop.open() as url, probing(world, entry(url, every="20s", timeout="5s")):
        await until(lambda: len(clock.slept) >= 4, "four intervals")
    assert clock.slept[:4] == [5.0, 20.0, 20.0, 20.0]


async def test_one_slow_endpoint_holds_up_no_other() -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    app, shop = web.Application(), Shop()
    app.router.add_get("/", hang)
    async with TestServer(app) as server, shop.open() as url:
        slow = entry(str(server.make_url("/")), "slow")
        async with probing(World(), slow, entry(url, "fast")) as collector:
            await wait_for(collector, "probe_success", 1, endpoint="fast")
            assert value(await families(collector), "probe_success", endpoint="slow") is None


@asynccontextmanager
async def secure_shop(folder: Path) -> AsyncIterator[EndpointEntry]:
    """The entry of a shop whose certificate is its own."""
    made = for_loopback(folder)
    app = web.Application()
    app.router.add_get("/", Shop().answer)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=made.context)
    try:
        yield entry(str(server.make_url("/")), ca_file=str(made.certificate))
    finally:
        await server.close()


async def test_the_certificates_end_is_exported(tmp_path: Path) -> None:
    async with secure_shop(tmp_path) as secure, probing(World(), secure) as collector:
        await wait_for(collector, "probe_ssl_earliest_cert_expiry", 1e9, endpoint="shop")


async def test_no_probe_is_made_after_the_stop() -> None:
    shop, clock = Shop(), Hasty()
    async with shop.open() as url:
        async with probing(World(clock=clock), entry(url)):
            await until(lambda: shop.visits > 2, "some probes")
        seen: list[int] = []

        def nobody_comes_any_more() -> bool:  # the last one may still be under way
            seen.append(shop.visits)
            return len(seen) > 10 and len(set(seen[-10:])) == 1

        await until(nobody_comes_any_more, "nobody comes any more")


async def test_the_secrets_of_an_entry_are_not_shown() -> None:
    one = entry("http://u:hunter2@shop/?key=hunter3", headers={"Authorization": "hunter4"})
    assert "hunter" not in repr(one)
    assert one.order().headers == {"Authorization": "hunter4"}


async def test_an_endpoint_that_stays_goes_on_where_it_was_after_a_reload() -> None:
    shop, clock = Shop(), Hasty()
    shop.status = 500
    async with shop.open() as url:
        same, gone = entry(url), entry(url, "gone")
        async with probing(World(clock=clock), same, gone) as before:
            await wait_for(before, "prunella_probe_consecutive_failures", 3, endpoint="shop")
            after = Endpoints([same, entry(url, "new")], World(clock=clock))
            after.inherit(before)
            found = await families(after)
    assert (value(found, "prunella_probe_consecutive_failures", endpoint="shop") or 0) >= 3
    failed = value(found, "prunella_probe_failures_total", endpoint="shop", reason="status")
    assert (failed or 0) >= 3
    assert value(found, "probe_success", endpoint="shop") == 0
    assert value(found, "probe_success", endpoint="new") is None
    assert value(found, "prunella_probe_failures_total", endpoint="new", reason="status") == 0
    assert "gone" not in {sample.labels.get("endpoint") for f in found for sample in f.samples}


async def test_an_endpoint_that_has_changed_begins_anew() -> None:
    shop, clock = Shop(), Hasty()
    shop.status = 500
    async with shop.open() as url, probing(World(clock=clock), entry(url)) as before:
        await wait_for(before, "prunella_probe_consecutive_failures", 3)
        after = Endpoints([entry(url, expect={"status": [500]})], World(clock=clock))
        after.inherit(before)
        found = await families(after)
    assert value(found, "prunella_probe_consecutive_failures") == 0
    assert value(found, "prunella_probe_failures_total", reason="status") == 0


async def test_every_name_of_blackbox_exporter_is_there_with_the_endpoint(tmp_path: Path) -> None:
    world = World(service="web")
    async with secure_shop(tmp_path) as secure, probing(world, secure) as collector:
        await wait_for(collector, "probe_success", 1)
        found = await families(collector)
    wanted = {"endpoint": "shop", "service": "web"}
    for name in (
        "probe_http_version", "probe_http_ssl", "probe_http_redirects", "probe_dns_lookup_time_seconds",
        "probe_ip_protocol", "probe_tls_version_info", "probe_ssl_last_chain_info",
    ):  # fmt: skip
        assert wanted.items() <= samples(found, name)[0].labels.items()
    assert value(found, "probe_tls_version_info", version="TLS 1.3") == 1
    helps = {f.documentation for f in found if f.name.startswith("probe_")}
    assert all("background" in text for text in helps)


async def test_a_body_and_a_token_are_sent() -> None:
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(f"{request.method} {request.headers['Authorization']} {await request.text()}")
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_post("/", note)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        one = entry(url, method="POST", body="hi", bearer_token="abc")
        async with probing(World(), one) as collector:
            await wait_for(collector, "probe_success", 1)
        other = entry(url, method="POST", basic_auth={"username": "u", "password": "p"})
        async with probing(World(), other) as collector:
            await wait_for(collector, "probe_success", 1)
    assert seen == ["POST Bearer abc hi", "POST Basic dTpw "]
