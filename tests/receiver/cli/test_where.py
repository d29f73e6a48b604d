from __future__ import annotations

from pathlib import Path

import pytest

from prunella.service.problems import ConfigError
from receiver.cli.__main__ import grammar, main
from receiver.cli.where import receiver_url

Printed = pytest.CaptureFixture[str]


def url_of(*words: str) -> str:
    return receiver_url(grammar().parse_args([*words, "status"]))


def config(folder: Path, text: str) -> str:
    file = folder / "receiver.yml"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("{}", "http://127.0.0.1:9651"),
        ("{listen: '127.0.0.2:1'}", "http://127.0.0.2:1"),
        ("{listen: ':9000'}", "http://127.0.0.1:9000"),
        ("{listen: '0.0.0.0:9000'}", "http://127.0.0.1:9000"),
        ("{listen: '[::]:9000'}", "http://[::1]:9000"),
        ("{listen: 'r.example:1', tls: {cert_file: c, key_file: k}}", "https://r.example:1"),
    ],
)
def test_the_config_says_where_its_receiver_is(tmp_path: Path, server: str, url: str) -> None:
    assert url_of("--config", config(tmp_path, f"server: {server}\n")) == url


def test_its_secrets_need_not_be_there(tmp_path: Path) -> None:
    text = "server: {listen: ':9'}\njournal: '${NOBODY_SET_THIS}'\n"
    assert url_of("--config", config(tmp_path, text)) == "http://127.0.0.1:9"


def test_the_url_wins_over_the_config(tmp_path: Path) -> None:
    file = config(tmp_path, "server: {listen: ':9'}\n")
    assert url_of("--config", file, "--url", "http://r:1/") == "http://r:1"


@pytest.mark.parametrize("url", ["notaurl", "http://", "htp://ann:secret@r:1", "http://r:1/a b"])
def test_what_is_no_address_is_said_by_its_place_alone(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^--url: must be an address such as") as refused:
        url_of("--url", url)
    assert "secret" not in str(refused.value)


def test_an_address_that_is_none_is_said_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^server.listen: 'nowhere' is not an address"):
        url_of("--config", config(tmp_path, "server: {listen: nowhere}\n"))


def test_a_config_that_is_not_there_is_a_mistake_in_the_line(capsys: Printed) -> None:
    assert main(["status", "--config", "none.yml"]) == 2
    assert capsys.readouterr().err.startswith("none.yml: no such file")


@pytest.mark.parametrize("level", ["debug", "INFO"])
@pytest.mark.parametrize("before", [True, False])
def test_what_every_program_takes_stands_before_the_command_and_after_it(
    level: str, before: bool
) -> None:
    common = ["--config", "r.yml", "--log-level", level]
    words = [*common, "status"] if before else ["status", *common]
    options = grammar().parse_args(words)
    assert (options.config, options.log_level) == (Path("r.yml"), level.lower())
