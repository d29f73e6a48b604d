from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from exporter.probes import MOST, Probes
from exporter.request import HEADER
from exporter.settings import read
from prunella.service.answers import Refused
from prunella.service.heads import Asked
from tests.exporter.probing.asking import pages, saying
from tests.exporter.reading import names, value
from tests.exporter.serving import Served, sent, serving
from tests.exporter.test_settings import config
from tests.servers.grpc_health import grpc_server
from tests.servers.ports import free_port

TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


async def fine(_: web.Request) -> web.Response:
    return web.Response(text="all is fine")


async def probed(served: Served, target: object, query: str = "", **headers: str) -> list[Metric]:
    status, text = await served.get(f"/probe?target={target}{query}", **headers)
    assert status == 200, text
    return list(text_string_to_metric_families(text))


async def refused(served: Served, query: str, **headers: str) -> tuple[int, str, str]:
    status, text = await served.get(f"/probe{query}", **headers)
    answer = json.loads(text)
    return status, answer["reason"], answer["error"]


async def test_a_target_on_loopback_is_probed_by_whoever_is_there(tmp_path: Path) -> None:
    async with pages(fine) as server, serving(tmp_path) as served:
        found = await probed(served, server.make_url("/"))
    assert value(found, "probe_success") == 1
    assert value(found, "probe_http_status_code") == 200
    assert not any(name.startswith(("process_", "prunella_")) for name in names(found))


async def test_an_endpoint_may_be_probed_by_its_name_of_any_script(tmp_path: Path) -> None:
    endpoints = [{"name": "books", "url": "http://Bücher.invalid/"}]
    async with serving(tmp_path, endpoints=endpoints) as served:
        found = await probed(served, "http://bücher.invalid/")
    assert value(found, "probe_success") == 0  # no such name, but it was looked for


async def test_a_target_without_a_scheme_is_http(tmp_path: Path) -> None:
    async with pages(fine) as server, serving(tmp_path) as served:
        found = await probed(served, f"127.0.0.1:{server.port}/x", "&module=http_2xx")
    assert value(found, "probe_success") == 1


async def test_what_is_down_is_an_answer(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        found = await probed(served, f"http://127.0.0.1:{free_port()}/")
    assert value(found, "probe_success") == 0


async def test_a_module_of_the_config_is_used(tmp_path: Path) -> None:
    modules = {
        "lost": {"prober": "http", "http": {"fail_if_body_not_matches_regexp": ["lost"]}},
        "ssh": {"prober": "tcp", "tcp": {"query_response": [{"expect": "^SSH-2.0-"}]}},
    }
    async with (
        pages(fine) as server,
        saying(b"SSH-2.0-OpenSSH\r\n") as ssh,
        serving(tmp_path, modules=modules) as served,
    ):
        lost = await probed(served, server.make_url("/"), "&module=lost")
        banner = await probed(served, ssh, "&module=ssh")
    assert (value(lost, "probe_success"), value(lost, "probe_failed_due_to_regex")) == (0, 1)
    assert value(banner, "probe_success") == 1
    assert "probe_http_status_code" not in names(banner)


async def test_a_grpc_server_is_asked_how_it_is(tmp_path: Path) -> None:
    modules = {"jobs": {"prober": "grpc", "grpc": {"service": "jobs"}}}
    with grpc_server({"jobs": "NOT_SERVING"}) as server:
        async with serving(tmp_path, modules=modules) as served:
            found = await probed(served, server, "&module=jobs")
            status, text = await served.get(
                f"/probe?module=jobs&target={server}", Accept="application/openmetrics-text"
            )
    assert value(found, "probe_success") == 0
    assert value(found, "probe_grpc_healthcheck_response", serving_status="NOT_SERVING") == 1
    assert (status, text.count("# EOF")) == (200, 1)


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("", 400, "bad_probe"),
        ("?target=", 400, "bad_probe"),
        ("?target=a&target=b", 400, "bad_probe"),
        ("?target=127.0.0.1&module=nope", 400, "bad_probe"),
        ("?target=http://", 400, "bad_probe"),
        ("?target=http://example.org/", 403, "target_not_allowed"),
        ("?target=http://169.254.169.254/latest/meta-data/", 403, "target_not_allowed"),
        ("?target=http://127.0.0.1.nip.io/", 403, "target_not_allowed"),
        ("?target=http://2130706433/", 403, "target_not_allowed"),
        ("?target=http://[::ffff:169.254.169.254]/", 403, "target_not_allowed"),
        ("?target=http://127.0.0.1@example.org/", 403, "target_not_allowed"),
        ("?target=file:///etc/passwd", 403, "target_not_allowed"),
    ],
)
async def test_a_request_that_is_refused(
    tmp_path: Path, query: str, status: int, reason: str
) -> None:
    async with serving(tmp_path) as served:
        assert (await refused(served, query))[:2] == (status, reason)


@pytest.mark.parametrize("header", ["soon", "0", "-1", "nan"])
async def test_a_header_that_is_no_time_is_refused(tmp_path: Path, header: str) -> None:
    async with serving(tmp_path) as served:
        status, reason, said = await refused(
            served, "?target=127.0.0.1", **sent(**{TIMEOUT: header})
        )
    assert (status, reason) == (400, "bad_probe")
    assert TIMEOUT in said


async def test_beyond_loopback_nothing_is_probed_that_is_not_on_the_list(tmp_path: Path) -> None:
    async with pages(fine) as server:
        target = f"?target=http://127.0.0.1:{server.port}/"
        async with serving(tmp_path, listen_host="0.0.0.0") as served:
            assert (await refused(served, target))[0] == 403
        probe = {"allow": ["127.0.0.0/8"]}
        async with serving(tmp_path, listen_host="0.0.0.0", probe=probe) as served:
            assert value(await probed(served, server.make_url("/")), "probe_success") == 1


async def test_the_host_of_an_endpoint_is_on_the_list(tmp_path: Path) -> None:
    async with pages(fine) as server:
        endpoints = [{"name": "shop", "url": str(server.make_url("/"))}]
        async with serving(tmp_path, listen_host="0.0.0.0", endpoints=endpoints) as served:
            assert value(await probed(served, server.make_url("/")), "probe_success") == 1


@pytest.mark.parametrize("module", ["http_2xx", "connect", "health"])
async def test_of_names_that_no_rule_names_nothing_is_told(tmp_path: Path, module: str) -> None:
    """Neither by what is said nor by when: else whoever gets here could ask our name server for every name."""
    keys: dict[str, Any] = {
        "probe": {"allow": ["192.0.2.0/24"]},
        "modules": {"connect": {"prober": "tcp"}, "health": {"prober": "grpc"}},
    }
    async with serving(tmp_path, listen_host="0.0.0.0", **keys) as served:
        took, said = [], []
        for host in ("localhost", "nobody-has-this-name.invalid"):
            began = time.monotonic()
            query = f"?target={host}:1&module={module}"
            said.append(
                [part.replace(host, "HOST") for part in map(str, await refused(served, query))]
            )
            took.append(time.monotonic() - began)
    assert said[0] == said[1] == ["403", "target_not_allowed", said[0][2]]
    assert min(took) >= 0.99


async def test_a_redirect_out_of_the_list_is_a_failed_probe(tmp_path: Path) -> None:
    async def away(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data/")

    async with pages(away) as server, serving(tmp_path) as served:
        found = await probed(served, server.make_url("/"))
    assert (value(found, "probe_success"), value(found, "probe_http_redirects")) == (0, 1)


async def test_a_target_that_hangs_is_answered_before_prometheus_gives_up(tmp_path: Path) -> None:
    async with saying(hang=True) as address, serving(tmp_path) as served:
        began = time.monotonic()
        found = await probed(served, address, **sent(**{TIMEOUT: "1"}))
        took = time.monotonic() - began
    assert value(found, "probe_success") == 0
    assert value(found, "probe_duration_seconds") == pytest.approx(0.5, abs=0.3)
    assert took < 3


async def test_a_modules_own_timeout_is_shorter(tmp_path: Path) -> None:
    modules = {"short": {"prober": "http", "timeout": "100ms"}}
    async with saying(hang=True) as address, serving(tmp_path, modules=modules) as served:
        found = await probed(served, address, "&module=short", **sent(**{TIMEOUT: "20"}))
    assert (value(found, "probe_duration_seconds") or 9) < 5


async def test_hostile_text_of_an_answer_is_on_no_page(tmp_path: Path) -> None:
    evil = b'HTTP/1.1 200 "}\nup 1\r\nX-Evil: "} 1\r\nContent-Length: 20\r\n\r\n# TYPE evil gauge\nup 1'
    async with saying(evil) as address, serving(tmp_path) as served:
        found = await probed(served, address)
        status, text = await served.get(f"/probe?target={address}", Accept="application/openmetrics-text")  # fmt: skip
    assert all(name.startswith("probe_") for name in names(found))
    assert (status, text.count("# EOF")) == (200, 1)


async def test_many_at_once_are_bounded(tmp_path: Path) -> None:
    probes = Probes()
    listening = {"listen": "127.0.0.1:1"}
    probes.apply(config(tmp_path, server=listening))
    async with saying(hang=True) as address:
        asked = Asked(f"target={address}", {HEADER: "1"})
        waiting = [asyncio.create_task(probes.answer(asked)) for _ in range(MOST)]
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="under way"):
            await probes.answer(asked)
        assert len(await asyncio.gather(*waiting)) == MOST


async def test_a_reload_exchanges_modules_and_list(tmp_path: Path) -> None:
    async with pages(fine) as server, serving(tmp_path, probe={"allow": ["shop"]}) as served:
        modules: dict[str, Any] = {"other": {"prober": "http", "http": {"fail_if_not_ssl": True}}}
        listen = {"listen": served.url.removeprefix("http://")}
        served.write(server=listen, modules=modules)
        assert (await served.post("/-/reload"))[0] == 200
        found = await probed(served, server.make_url("/"), "&module=other")
    assert value(found, "probe_success") == 0


def test_no_modules_are_needed(tmp_path: Path) -> None:
    assert read(None, {}).modules == {}
