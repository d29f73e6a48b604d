from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from prunella.service.settings import ConfigError, Secret, Settings, load
from receiver.stores.redis_store import RedisFacet
from receiver.stores.redis_url import check_redis_url, options_of
from receiver.targets import Target

URL = "redis://127.0.0.1:6379/3"


class Config(Settings):
    targets: dict[str, Target]


def facet(**keys: object) -> RedisFacet:
    return RedisFacet.model_validate({"url": URL, **keys})


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("redis://h", 0),
        ("redis://h/", 0),
        ("redis://user:p%40ss@h:1/15", 15),
        ("redis://h?db=4", 4),
        ("rediss://h:1/2?ssl_ca_certs=/etc/ca.pem", 2),
        ("unix:///run/redis.sock?db=7", 7),
        ("unix:///run/redis.sock", 0),
    ],
)
def test_the_database_is_the_one_of_the_url(url: str, database: int) -> None:
    assert facet(url=url).database == database


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:6379", "http://h", "redis://h:0", "redis://h:99999", "redis://h/0#x"),
        *("redis://h/one", "redis://h/1/2", "redis://h/-1", "redis://h/1?db=2", "redis://h?db="),
        *("redis://h?db=1&db=2", "redis://h?decode_responses=1", "redis://h?ssl_cert_reqs=none"),
        *("unix://", "redis://[::1"),
    ],
)
def test_an_address_that_leaves_open_what_it_means_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match=r"must be redis://|must name|knows after the \?"):
        facet(url=url)


def test_sentinel_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="name the primary as redis://…, or a proxy before it"):
        check_redis_url(Secret("redis+sentinel://h:26379/mymaster"))


def test_a_wrong_address_is_not_quoted() -> None:
    with pytest.raises(ValidationError) as caught:
        facet(url="redis://ann:c4nary@h/c4nary?c4nary=c4nary")
    assert "c4nary" not in str(caught.value)


def test_name_and_password_are_shown_nowhere() -> None:
    made = facet(url="redis://c4nary:c4nary@h/1")
    assert "c4nary" not in f"{made!r} {made} {made.model_dump_json()}"
    assert options_of(made.url)["password"] == "c4nary"


def test_the_address_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://:s3cret@h/2\n")
    (tmp_path / "c.yml").write_text("targets: {cache: {name: cache, redis: {url_file: url}}}")
    redis = load(Config, tmp_path / "c.yml", {}).targets["cache"].redis
    assert redis is not None
    assert redis.database == 2


@pytest.mark.parametrize("file", ["nowhere", "wrong"])
def test_an_address_in_a_file_is_told_once_and_by_its_key(tmp_path: Path, file: str) -> None:
    (tmp_path / "wrong").write_text("http://h\n")
    (tmp_path / "c.yml").write_text(
        f"targets: {{cache: {{name: cache, redis: {{url_file: {file}}}}}}}"
    )
    with pytest.raises(ConfigError) as caught:
        load(Config, tmp_path / "c.yml", {})
    assert [problem.path for problem in caught.value.problems] == ["targets.cache.redis.url_file"]


@pytest.mark.parametrize("key", ["cache_patterns", "rate_limit_patterns", "session_patterns"])
def test_no_list_takes_a_pattern_that_is_not_anchored(key: str) -> None:
    with pytest.raises(ValidationError, match="must begin with a literal prefix"):
        facet(**{key: ["app:*", "*"]})


def test_a_cache_pattern_that_would_take_the_sessions_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"app:\* of cache_patterns would take .* app:s:\*"):
        facet(cache_patterns=["app:*"], session_patterns=["app:s:*"])
    apart = facet(cache_patterns=["app:c:*"], session_patterns=["app:s:*"])
    assert apart.session_patterns == ("app:s:*",)


def test_the_database_that_may_be_emptied_is_the_one_of_the_url() -> None:
    assert facet(flushable_database=3).flushable_database == 3
    with pytest.raises(ValidationError, match="flushable_database is 0, but url is of database 3"):
        facet(flushable_database=0)


@pytest.mark.parametrize("age", ["1s", "200d", "0"])
def test_an_age_that_redis_cannot_count_is_refused(age: str) -> None:
    with pytest.raises(ValidationError):
        facet(session_max_age=age)
