"""A web server that stands still, as SIGSTOP does it: the kernel takes connections for it, and nobody answers."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.reading import value
from tests.exporter.serving import Served, sent, serving
from tests.prunella.service.certificates import self_signed
from tests.servers.grpc_health import grpc_server
from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, answers, running, start, until

pytestmark = pytest.mark.server
THREE_SECONDS = sent(**{"X-Prometheus-Scrape-Timeout-Seconds": "3"})


@asynccontextmanager
async def web_server(folder: Path) -> AsyncIterator[tuple[ServerProcess, str]]:
    port = free_port()
    argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    url = f"http://127.0.0.1:{port}/"
    async with running(start("web", argv, folder, cwd=folder), lambda: answers(url)) as process:
        yield process, url


async def probed(served: Served, target: str) -> tuple[list[Metric], float]:
    began = time.monotonic()
    status, text = await served.get(f"/probe?target={target}", **THREE_SECONDS)
    assert status == 200
    return list(text_string_to_metric_families(text)), time.monotonic() - began


async def test_a_stopped_server_costs_no_scrape_more_than_its_time_and_others_nothing(
    tmp_path: Path,
) -> None:
    async with web_server(tmp_path) as (process, url):
        endpoints = [{"name": "shop", "url": url, "every": "1s", "timeout": "500ms"}]
        async with serving(tmp_path, endpoints=endpoints, host={}) as served:

            async def reason(wanted: float) -> bool:
                return value(await served.metrics(), "probe_success") == wanted

            await until(lambda: reason(1), "a good probe")
            process.signal(signal.SIGSTOP)
            found, took = await probed(served, url)
            assert value(found, "probe_success") == 0
            assert took <= 2.7
            began = time.monotonic()
            complete = await served.metrics(**THREE_SECONDS)
            assert time.monotonic() - began <= 2.7
            assert value(complete, "node_load1") is not None
            assert value(complete, "prunella_scrape_collector_success", collector="endpoints") == 1
            await until(lambda: reason(0), "a failed probe")
            timeouts = value(
                await served.metrics(), "prunella_probe_failures_total", reason="timeout"
            )
            assert (timeouts or 0) >= 1
            process.signal(signal.SIGCONT)
            await until(lambda: reason(1), "a good probe after SIGCONT")
            found, _ = await probed(served, url)
    assert value(found, "probe_success") == 1


async def test_fifty_probes_of_a_stopped_server_are_answered_together(tmp_path: Path) -> None:
    async with web_server(tmp_path) as (process, url), serving(tmp_path) as served:
        process.signal(signal.SIGSTOP)
        began = time.monotonic()
        answered = await asyncio.gather(*(probed(served, url) for _ in range(50)))
        took = time.monotonic() - began
        process.signal(signal.SIGCONT)
    assert {value(found, "probe_success") for found, _ in answered} == {0}
    assert took < 5  # and not fifty times that


@pytest.mark.parametrize("scheme", ["http", "https", "tcp", "grpc"])
async def test_promtool_has_nothing_to_say_about_a_probe(tmp_path: Path, scheme: str) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "there is no promtool: apt-get install prometheus"
    self_signed(tmp_path, "own")
    (tmp_path / "web.yml").write_text(
        "tls_server_config: {cert_file: own.pem, key_file: own.key}\n"
    )
    lax = {"prober": "http", "http": {"tls_config": {"insecure_skip_verify": True}}}
    modules = {one: {"prober": one} for one in ("http", "tcp", "grpc")} | {"https": lax}
    async with (
        web_server(tmp_path) as (_, url),
        serving(tmp_path, modules=modules) as served,
        serving(tmp_path, web_config_file="web.yml") as secure,
    ):
        place = url.removeprefix("http://").rstrip("/")
        itself = secure.url.replace("http://", "https://") + "/-/healthy"
        with grpc_server({}) as healthy:
            target = {"http": url, "https": itself, "tcp": place, "grpc": healthy}[scheme]
            _, text = await served.get(f"/probe?target={target}&module={scheme}")
    assert "probe_success 1.0" in text
    done = await asyncio.to_thread(
        subprocess.run, [promtool, "check", "metrics"], input=text.encode(), capture_output=True, check=False,
    )  # fmt: skip
    said = (done.stdout + done.stderr).decode().splitlines()
    assert done.returncode == 0, said
    assert said == []


async def test_a_probe_is_shown_in_the_format_that_is_asked_for(tmp_path: Path) -> None:
    async with web_server(tmp_path) as (_, url), serving(tmp_path) as served:
        path = f"{served.url}/probe?target={url}"
        wanted = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
        async with served.session.get(path, headers=wanted) as response:
            text = await response.text()
            assert response.headers["Content-Encoding"] == "gzip"
            assert response.content_type == "application/openmetrics-text"
            assert text.endswith("# EOF\n")
        async with served.session.head(path) as response:
            assert (response.status, await response.read()) == (200, b"")
