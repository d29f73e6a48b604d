from __future__ import annotations

import json
import math
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from receiver.outside.http import open_http
from receiver.outside.prometheus import PrometheusApi
from receiver.tools import OutsideError, Response
from tests.receiver.stand_ins import StandInHttp
from tests.servers.ports import free_port
from tests.servers.prometheus import prometheus


def vector(*values: str) -> bytes:
    result = [{"metric": {"n": str(n)}, "value": [1.5, value]} for n, value in enumerate(values)]
    return json.dumps(
        {"status": "success", "data": {"resultType": "vector", "result": result}}
    ).encode()


async def ask(body: bytes, status: int = 200) -> tuple[float, ...]:
    return await PrometheusApi(StandInHttp(Response(status, body)), "http://p").query("up")


async def test_a_vector_is_the_value_of_every_series() -> None:
    assert await ask(vector("1", "2.5", "+Inf", "-Inf")) == (1.0, 2.5, math.inf, -math.inf)


async def test_not_a_number_stays_one() -> None:
    (value,) = await ask(vector("NaN"))
    assert math.isnan(value)


async def test_no_series_is_no_value() -> None:
    assert await ask(vector()) == ()


async def test_a_scalar_is_one_value() -> None:
    body = b'{"status":"success","data":{"resultType":"scalar","result":[1.5,"7"]}}'
    assert await ask(body) == (7.0,)


async def test_the_query_travels_in_a_form_below_the_prefix() -> None:
    http = StandInHttp(Response(200, vector()))
    await PrometheusApi(http, "http://host:9090/prom/", timeout=3).query('a{b="c d&e"} + 1')
    (asked,) = http.asked
    assert (asked.method, asked.url) == ("POST", "http://host:9090/prom/api/v1/query")
    form = parse_qs((asked.body or b"").decode())
    assert form == {"query": ['a{b="c d&e"} + 1'], "timeout": ["3s"]}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"status":"error","errorType":"bad_data","error":"parse error"}', 400, "bad_data: parse"),
        (b'{"status":"error","errorType":"timeout","error":"late"}', 503, "timeout: late"),
        (b"<html>Bad Gateway</html>", 502, "answers 502 and no JSON"),
        (b"", 200, "no JSON"),
        (b"[]", 200, "no object"),
        (b'{"status":"success"}', 200, "shape"),
        (b'{"status":"success","data":{"resultType":"matrix","result":[]}}', 200, "shape"),
        (b'{"status":"success","data":{"resultType":"string","result":[1,"x"]}}', 200, "shape"),
        (b'{"status":"success","data":{"resultType":"vector","result":[{"histogram":[1,{}]}]}}', 200, "shape"),
        (b'{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"x"]}]}}', 200, "shape"),
        (b'{"status":"success","warnings":["store gone"],"data":{}}', 200, "warns.*store gone"),
        (b"[" * 100_000, 200, "no JSON"),
        (b"x" * (1 << 20), 200, "too large"),
    ],
)  # fmt: skip
async def test_what_is_not_a_clean_answer_is_an_error(body: bytes, status: int, said: str) -> None:
    with pytest.raises(OutsideError, match=said):
        await ask(body, status)


async def test_nobody_there_is_an_error() -> None:
    async with open_http() as http:
        with pytest.raises(OutsideError, match="refused"):
            await PrometheusApi(http, f"http://127.0.0.1:{free_port()}").query("up")


@pytest.mark.server
async def test_a_real_prometheus_is_understood(tmp_path: Path) -> None:
    async with prometheus(tmp_path, {}) as server, open_http() as http:
        api = PrometheusApi(http, server.url)
        assert await api.query("vector(3)") == (3.0,)
        assert await api.query("4") == (4.0,)
        assert await api.query("absent_metric") == ()
        assert math.isnan((await api.query("vector(0) / 0"))[0])
        with pytest.raises(OutsideError, match="bad_data"):
            await api.query("sum(")
