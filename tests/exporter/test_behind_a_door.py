"""The exporter behind its web.yml, and what it shows of its config."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from exporter.settings import config_page, read
from prunella.service.settings import ConfigError
from tests.exporter.serving import serving
from tests.exporter.test_settings import config
from tests.prunella.service.certificates import self_signed
from tests.prunella.service.test_users import hashed, shown

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "exporter.yml"


def door(folder: Path, **keys: Any) -> Path:
    file = folder / "web.yml"
    file.write_text(yaml.safe_dump(keys))
    return file


def users(**passwords: str) -> dict[str, str]:
    return {name: hashed(word).get_secret_value() for name, word in passwords.items()}


async def test_metrics_are_for_those_who_know_the_password(tmp_path: Path) -> None:
    door(tmp_path, basic_auth_users=users(prometheus="s3cret"))
    auth = {"Authorization": shown("prometheus", "s3cret")}
    async with serving(tmp_path, host={}, web_config_file="web.yml") as served:
        for path in ("/", "/metrics", "/probe?target=127.0.0.1", "/config", "/api/health"):
            assert (await served.get(path))[0] == 401, path
        async with served.session.get(f"{served.url}/metrics", headers=auth) as response:
            assert response.status == 200
        for path in ("/-/healthy", "/-/ready"):
            assert (await served.get(path))[0] == 200


async def test_whoever_knows_the_password_may_reload_from_elsewhere(tmp_path: Path) -> None:
    door(tmp_path, basic_auth_users=users(ops="s3cret"))
    auth = {"Authorization": shown("ops", "s3cret")}
    async with serving(tmp_path, listen_host="0.0.0.0", web_config_file="web.yml") as served:
        assert (await served.post("/-/reload"))[0] == 401
        async with served.session.post(f"{served.url}/-/reload", headers=auth) as response:
            assert response.status == 200


async def test_a_scrape_over_tls_goes_on_while_certificates_are_exchanged(tmp_path: Path) -> None:
    """As certbot would: a new pair every so often, under load."""
    pairs = [self_signed(tmp_path, f"pair{number}") for number in range(4)]
    own = self_signed(tmp_path, "own")
    tls = {"cert_file": "own.pem", "key_file": "own.key"}
    door(tmp_path, tls_server_config=tls)
    trusted = ssl.create_default_context()
    for pair in (*pairs, own):
        trusted.load_verify_locations(pair.certificate)
    async with serving(tmp_path, host={}, web_config_file="web.yml") as served:
        url = served.url.replace("http://", "https://")

        async def scrape() -> int:
            connector = aiohttp.TCPConnector(ssl=trusted)
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.get(f"{url}/metrics") as response,
            ):
                return response.status

        for pair in pairs:
            scrapes = [asyncio.create_task(scrape()) for _ in range(5)]
            own.certificate.write_bytes(pair.certificate.read_bytes())
            own.key.write_bytes(pair.key.read_bytes())
            assert await asyncio.gather(*scrapes) == [200] * 5


def test_what_is_wrong_with_the_door_is_said_with_the_config(tmp_path: Path) -> None:
    door(tmp_path, basic_auth_users={"a": "plain hunter2"}, tls_server_config={})
    with pytest.raises(ConfigError) as raised:
        config(tmp_path, server={"web_config_file": "web.yml"})
    said = str(raised.value)
    assert "server.web_config_file: basic_auth_users" in said
    assert "server.web_config_file: tls_server_config.cert_file" in said
    assert "hunter2" not in said


def test_a_door_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"server\.web_config_file: .*no such file"):
        config(tmp_path, server={"web_config_file": "nowhere.yml"})


async def test_another_door_needs_a_restart(tmp_path: Path) -> None:
    door(tmp_path)
    async with serving(tmp_path) as served:
        listen = served.url.removeprefix("http://")
        served.write(server={"listen": listen, "web_config_file": "web.yml"})
        status, answer = await served.post("/-/reload")
    assert status == 503
    assert "server.web_config_file: a change takes effect only with a restart" in answer["error"]


async def test_the_config_in_force_is_shown_without_its_secrets(tmp_path: Path) -> None:
    keys: dict[str, Any] = {
        "redis": [{"name": "a", "url": "redis://:hunter2@127.0.0.1:1/0"}],
        "endpoints": [
            {"name": "shop", "url": "http://u:hunter2@127.0.0.1:1/", "headers": {"X": "hunter2"},
             "basic_auth": {"username": "u", "password": "hunter2"}, "body": "hunter2"},
        ],
        "modules": {"a": {"prober": "http", "http": {"bearer_token": "hunter2", "headers": {"X": "hunter2"}}},
                    "b": {"prober": "tcp", "tcp": {"query_response": [{"send": "hunter2"}]}}},
    }  # fmt: skip
    async with serving(tmp_path, **keys) as served:
        status, text = await served.get("/config")
    page = yaml.safe_load(text)
    assert status == 200
    assert "hunter2" not in text
    assert page["redis"][0]["url"] == "<secret>"
    assert page["endpoints"][0]["headers"] == {"X": "<secret>"}
    assert page["modules"]["a"]["http"]["bearer_token"] == "<secret>"
    assert page["scrape_timeout"] == "9s500ms"


class Anything(dict[str, str]):
    """An environment in which every name is set."""

    def __missing__(self, name: str) -> str:
        if not name.endswith("_URL"):
            return "hunter2hunter2hunter2"
        scheme = {"REDIS_URL": "redis", "DATABASE_URL": "postgresql"}.get(name, "http")
        return f"{scheme}://u:hunter2@127.0.0.1/1"

    def __contains__(self, _: object) -> bool:
        return True


def test_the_example_is_shown_without_what_the_environment_says() -> None:
    text = config_page(read(EXAMPLE, Anything()))
    assert "hunter2" not in text
    assert set(yaml.safe_load(text)) >= {"server", "host", "queues", "postgres"}


def test_the_config_is_shown_with_the_keys_of_each_kind_of_entry() -> None:
    shown = yaml.safe_load(config_page(read(EXAMPLE, Anything())))
    machine = next(entry for entry in shown["processes"] if entry["name"] == "machine")
    assert (machine["match"], machine["by"], machine["groups"]) == (".", "command", 100)
    celery, jobs = (next(q for q in shown["queues"] if key in q) for key in ("sep", "table"))
    assert (celery["priority_steps"], celery["visibility_timeout"]) == ([0, 3, 6, 9], "1h")
    assert jobs["columns"]["queue"] == "kind"


async def test_no_answer_of_the_health_pages_has_an_address_in_it(tmp_path: Path) -> None:
    keys: dict[str, Any] = {
        "postgres": [{"name": "main", "url": "postgresql://u:hunter2@127.0.0.1:1/shop"}],
        "queues": [{"system": "bullmq", "url": "redis://:hunter2@127.0.0.1:1/0"}],
    }
    async with serving(tmp_path, **keys) as served:
        for path in ("/api/health", "/api/health/db", "/api/health/queue"):
            status, text = await served.get(path)
            assert status == 503
            assert "127.0.0.1" not in text
            assert "hunter2" not in text
            assert json.loads(text)["status"] == "unhealthy"
