from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field, ValidationError, field_validator, model_validator

from prunella.service.settings import (
    ConfigError,
    Duration,
    Listen,
    ListenAddress,
    LocalPath,
    Problem,
    Secret,
    Settings,
    Size,
    load,
)


class Client(Settings):
    name: str
    token: Secret


class Slack(Settings):
    kind: Literal["slack"]
    webhook_url: Secret
    timeout: Duration = 10.0


class Mail(Settings):
    kind: Literal["email"]
    sender: Annotated[str, Field(alias="from")]
    password: Secret | None = None
    retries: int | list[int] = 1


class Config(Settings):
    listen: Listen = ListenAddress("127.0.0.1", 9651)
    max_body: Size = 1024
    every: Duration = 15.0
    clients: tuple[Client, ...] = ()
    channels: dict[str, Annotated[Slack | Mail, Field(discriminator="kind")]] = Field(
        default_factory=dict
    )
    folder: LocalPath | None = None


def read(folder: Path, text: str, **environ: str) -> Config:
    file = folder / "config.yml"
    file.write_text(text)
    return load(Config, file, environ)


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, **environ)
    return [str(problem) for problem in caught.value.problems]


def test_no_file_gives_the_defaults() -> None:
    assert load(Config, None, {}) == Config()


def test_a_file_gives_values_in_their_units(tmp_path: Path) -> None:
    config = read(tmp_path, "{listen: ':80', max_body: 1MiB, every: 1m30s}")
    assert config.listen == ListenAddress("", 80)
    assert (config.max_body, config.every) == (2**20, 90.0)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().every = 3.0  # type: ignore[misc]  # what is tried is what must fail


def test_settings_written_as_json_read_the_same_again() -> None:
    config = Config.model_validate({"every": "90s", "listen": "[::1]:1", "max_body": "1kB"})
    written = config.model_dump(mode="json")
    assert (written["every"], written["listen"]) == ("1m30s", "[::1]:1")
    assert Config.model_validate(json.loads(json.dumps(written))) == config


def test_a_secret_is_read_from_the_file_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    config = read(tmp_path, "clients: [{name: a, token_file: secret}]")
    assert config.clients[0].token.get_secret_value() == "s3cret"


def test_only_the_end_of_the_line_is_taken_off_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b" s3 cret \r\n")
    config = read(tmp_path, "clients: [{name: a, token_file: secret}]")
    assert config.clients[0].token.get_secret_value() == " s3 cret "


def test_a_secret_file_works_inside_a_union(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://hooks.example/x")
    (tmp_path / "pw").write_text("pw")
    config = read(
        tmp_path,
        "channels: {a: {kind: slack, webhook_url_file: url},"
        " b: {kind: email, from: a@b, password_file: pw}}",
    )
    slack, mail = config.channels["a"], config.channels["b"]
    assert isinstance(slack, Slack)
    assert slack.webhook_url.get_secret_value() == "https://hooks.example/x"
    assert isinstance(mail, Mail)
    assert mail.password is not None


def test_a_secret_file_may_be_absolute(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    file = tmp_path / "secret"
    assert Client.model_validate({"name": "a", "token_file": str(file)}).token is not None


@pytest.mark.parametrize(
    ("client", "message"),
    [
        ("{name: a, token_file: none}", "cannot read none: No such file or directory"),
        ("{name: a, token_file: .}", "cannot read .: Is a directory"),
        ("{name: a, token_file: empty}", "cannot read empty: the file is empty"),
        ("{name: a, token_file: 7}", "cannot read 7: must be the path of a file"),
        ("{name: a, token: b, token_file: empty}", "give token or token_file, not both"),
    ],
)
def test_a_secret_file_that_gives_none_is_one_problem(
    tmp_path: Path, client: str, message: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    assert problems(tmp_path, f"clients: [{client}]") == [f"clients[0].token_file: {message}"]


def test_a_path_is_relative_to_the_config_file(tmp_path: Path) -> None:
    assert read(tmp_path, "folder: a/b").folder == tmp_path / "a/b"
    assert read(tmp_path, "folder: /a/b").folder == Path("/a/b")


def test_ten_mistakes_give_ten_messages(tmp_path: Path) -> None:
    text = """
listen: 9651
max_body: huge
every: 30
everry: 30s
clients:
  - {name: a, token_file: none}
  - {nam: b, token: "${UNSET}"}
channels:
  ops: {kind: slak}
  lead: {}
  oncall: {kind: email, from: a, retries: x}
"""
    assert problems(tmp_path, text) == [
        "clients[1].token: environment variable UNSET is not set (set it, or write ${UNSET:-default})",
        "listen: 9651 is not an address such as 127.0.0.1:9651, :9651 or [::1]:9651",
        "max_body: 'huge' must be a size such as 64MiB, 10MB or 512B",
        "every: a duration needs its unit: say 30s",
        "clients[0].token_file: cannot read none: No such file or directory",
        "clients[1].name: required key is missing",
        "clients[1].nam: unknown key (did you mean name?)",
        "channels.ops.kind: 'slak' is not one of 'slack', 'email'",
        "channels.lead.kind: required key is missing",
        "channels.oncall.retries: must be a whole number or must be a list",
        "everry: unknown key (did you mean every?)",
    ]


def test_an_unset_variable_is_not_also_a_wrong_value(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "every: ${EVERY}")
    assert "EVERY is not set" in problem


class Group(Settings):
    members: tuple[str, ...]
    wait: Duration = 1.0

    @field_validator("members")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in ("a", "b"):
                raise ValueError(f"there is no {name!r}")
        return names


def of_a_group(folder: Path, text: str) -> list[str]:
    file = folder / "group.yml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(Group, file, {})
    return [problem.path for problem in caught.value.problems]


def test_an_unset_variable_in_a_list_is_not_also_a_mistake_of_the_list(tmp_path: Path) -> None:
    assert of_a_group(tmp_path, "members: [a, '${NO}']\nwait: 3") == ["members[1]", "wait"]


def test_a_mistake_of_the_list_beside_an_unset_variable_is_said(tmp_path: Path) -> None:
    assert of_a_group(tmp_path, "members: [c, '${NO}']") == ["members[1]", "members"]


def test_an_unset_variable_does_not_hide_any_other_mistake(tmp_path: Path) -> None:
    text = "listen: '${AT}'\nmax_body: huge\nclients: [{nam: '${NAME}', token: x}]\nzebra: 1"
    assert [one.split(": ")[0] for one in problems(tmp_path, text)] == [
        "listen",
        "clients[0].nam",
        "max_body",
        "clients[0].name",
        "zebra",
    ]


def test_a_variable_is_read_in_the_unit_of_its_key(tmp_path: Path) -> None:
    assert read(tmp_path, "every: ${EVERY}", EVERY="5m").every == 300


def test_an_unknown_key_without_a_likeness_is_just_unknown(tmp_path: Path) -> None:
    assert problems(tmp_path, "zebra: 1") == ["zebra: unknown key"]


class Shorthand(Settings):
    path: str

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, data: object) -> object:
        return {"path": data["at"]} if isinstance(data, dict) and "at" in data else data


def test_a_shorthand_that_a_model_takes_is_no_unknown_key() -> None:
    assert Shorthand.model_validate({"at": "/x"}).path == "/x"


def test_the_file_form_of_a_secret_is_a_known_key(tmp_path: Path) -> None:
    found = problems(tmp_path, "clients: [{name: a, tokn_file: x}]")
    assert "clients[0].tokn_file: unknown key (did you mean token_file?)" in found


@pytest.mark.parametrize("value", ["3", "[]", "word", "null"])
def test_a_part_of_the_wrong_shape_is_told_what_to_be(tmp_path: Path, value: str) -> None:
    (problem,) = problems(tmp_path, f"clients: [{value}]")
    assert problem == "clients[0]: must be a mapping of keys"


def test_a_problem_of_the_file_itself_is_said_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(Config, tmp_path / "none.yml", {})
    (problem,) = caught.value.problems
    assert problem.path == str(tmp_path / "none.yml")


def test_a_model_whose_required_key_has_no_file_says_so() -> None:
    with pytest.raises(ConfigError) as caught:
        load(Client, None, {})
    assert caught.value.problems == (
        Problem("name", "required key is missing"),
        Problem("token", "required key is missing"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "clients: [{name: [], token: CANARY}]",
        "clients: [{nam: a, token: CANARY}]",
        "clients: [{name: a, token: {x: CANARY}}]",
        "channels: {a: {kind: slack, webhook_url: CANARY, timeout: 3}}",
    ],
)
def test_a_mistake_beside_a_secret_does_not_show_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert "CANARY" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"


def test_a_secret_does_not_show_in_its_settings() -> None:
    client = Client.model_validate({"name": "a", "token": "CANARY"})
    assert "CANARY" not in f"{client} {client!r} {client.model_dump(mode='json')}"


def test_a_plugin_built_inside_a_validator_keeps_its_place(tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        Mail.model_validate({"kind": "email", "fron": "a"}, context={"folder": tmp_path})
    assert [found["loc"] for found in caught.value.errors()] == [("from",), ("fron",)]


def test_a_key_that_is_promised_for_later_is_not_called_unknown(tmp_path: Path) -> None:
    class Early(Settings):
        later: ClassVar[frozenset[str]] = frozenset({"schedules"})
        here: int = 0

    file = tmp_path / "a.yml"
    file.write_text("schedules: []\nhere: x\n")
    with pytest.raises(ConfigError) as caught:
        load(Early, file, {})
    said = str(caught.value)
    assert "schedules: is a key of a later version" in said
    assert "here: " in said
