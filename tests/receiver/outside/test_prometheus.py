from __future__ import annotations

import json
import math
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from receiver.outside.http import open_http
from receiver.outside.prometheus import PrometheusApi
from receiver.tools import MOST_POINTS, MOST_SERIES, OutsideError, Response, Series
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


def matrix(*series: list[tuple[float, str]]) -> bytes:
    result = [{"metric": {"n": str(n)}, "values": values} for n, values in enumerate(series)]
    return json.dumps(
        {"status": "success", "data": {"resultType": "matrix", "result": result}}
    ).encode()


async def over_time(body: bytes) -> tuple[Series, ...]:
    api = PrometheusApi(StandInHttp(Response(200, body)), "http://p")
    return await api.series("up", 100.0, 160.0, 30.0)


async def test_over_time_each_series_is_its_points() -> None:
    (one, other) = await over_time(matrix([(100, "1"), (130.5, "+Inf")], [(160, "2")]))
    assert one == ((100.0, 1.0), (130.5, math.inf))
    assert other == ((160.0, 2.0),)


async def test_over_time_is_never_more_than_can_be_drawn() -> None:
    found = await over_time(matrix(*[[(float(at), "1") for at in range(500)]] * 60))
    assert (len(found), len(found[0]), found[0][-1]) == (MOST_SERIES, MOST_POINTS, (499.0, 1.0))


@pytest.mark.parametrize("body", [vector("1"), matrix([(1, "x")]), b'{"status":"success"}'])
async def test_over_time_whatever_is_no_matrix_is_an_error(body: bytes) -> None:
    with pytest.raises(OutsideError, match="another shape"):
        await over_time(body)


async def test_the_span_and_the_step_travel_with_the_query() -> None:
    http = StandInHttp(Response(200, matrix()))
    await PrometheusApi(http, "http://p").series("up", 100.0, 160.5, 30.0)
    (asked,) = http.asked
    form = parse_qs((asked.body or b"").decode())
    assert asked.url == "http://p/api/v1/query_range"
    assert (form["query"], form["start"], form["end"]) == (["up"], ["100.000"], ["160.500"])
    assert form["step"] == ["30.000"]


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
        assert await api.series("vector(3)", 100, 160, 30) == (((100, 3), (130, 3), (160, 3)),)
        assert await api.series("absent_metric", 100, 160, 30) == ()
        with pytest.raises(OutsideError, match="bad_data"):
            await api.query("sum(")
