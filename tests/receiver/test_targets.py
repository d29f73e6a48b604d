from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from prunella.service.settings import ConfigError, Settings, load
from receiver.managers.pm2 import Pm2
from receiver.managers.supervisor import Supervisor
from receiver.targets import HttpFacet, Target


class Config(Settings):
    targets: dict[str, Target]


def target(**process: object) -> Target:
    return Target.model_validate({"name": "api", "process": process})


def test_the_manager_chooses_the_class() -> None:
    assert target(manager="pm2", name="api").process == Pm2(name="api")
    assert target(manager="supervisor", name="web:api").process == Supervisor(name="web:api")


def test_a_target_is_written_as_it_is_read() -> None:
    before = target(manager="supervisor", name="api", url="unix:///run/s.sock")
    written = before.model_dump(mode="json", exclude={"process": {"password"}})
    assert written["process"]["manager"] == "supervisor"
    assert Target.model_validate(written) == before


def test_a_value_that_is_made_already_is_taken() -> None:
    assert Target(name="api", process=Pm2(name="api")).process == Pm2(name="api")


def test_a_target_may_have_no_process() -> None:
    assert Target.model_validate({"name": "api", "process": None}).process is None


@pytest.mark.parametrize(
    ("process", "said"),
    [
        ({"manager": "openrc", "name": "x"}, "unknown manager 'openrc'; known: command, compose, "),
        ({"name": "x"}, "required key is missing: known: command, compose, "),
        ("pm2", "must be a mapping"),
        ({"manager": "pm2"}, "required"),
        ({"manager": "pm2", "name": "x", "nmae": "y"}, "unknown key"),
    ],
)
def test_a_manager_that_cannot_be_is_refused(process: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Target.model_validate({"name": "api", "process": process})


def test_a_mistake_in_a_manager_is_named_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "c.yml"
    file.write_text(
        "targets: {api: {name: api, process: {manager: openrc}}, b: {name: b, process: {manager: pm2}}}"
    )
    with pytest.raises(ConfigError) as caught:
        load(Config, file, {})
    assert [problem.path for problem in caught.value.problems] == [
        "targets.api.process.manager",
        "targets.b.process.name",
    ]


def test_a_secret_of_a_manager_is_read_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("s3cret\n")
    file = tmp_path / "c.yml"
    file.write_text(
        "targets: {a: {name: a, process: {manager: supervisor, name: x, password_file: pw}}}"
    )
    process = load(Config, file, {}).targets["a"].process
    assert isinstance(process, Supervisor)
    assert process.password.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(process)


def test_http_addresses_are_checked() -> None:
    with pytest.raises(ValidationError):
        HttpFacet(base_url="localhost:3000")


def test_a_target_names_the_facets_that_it_has() -> None:
    assert Target(name="api").facets == frozenset()
    both = Target(name="api", process=Pm2(name="api"), http=HttpFacet(base_url="http://h"))
    assert both.facets == {"process", "http"}


@pytest.mark.parametrize("matcher", ['service=~".*"', 'service!="q"', 'service=""', 'service!~"q"'])
def test_i12_matchers_that_hold_for_an_alert_without_labels_are_refused(matcher: str) -> None:
    with pytest.raises(ValidationError, match="would select every alert"):
        Target.model_validate({"name": "api", "matchers": [matcher]})


def test_one_matcher_that_insists_is_enough() -> None:
    matchers = ['service="api"', 'env!="test"']
    assert len(Target.model_validate({"name": "api", "matchers": matchers}).matchers) == 2


def test_a_release_facet_names_its_strategy() -> None:
    with pytest.raises(ValidationError, match=r"release\.strategy\n  required key is missing"):
        Target.model_validate({"name": "api", "release": {"path": "/srv/api"}})
    with pytest.raises(ValidationError, match="unknown strategy 'capistrano'"):
        Target.model_validate({"name": "api", "release": {"strategy": "capistrano"}})


def test_a_backup_facet_takes_one_bucket_or_several() -> None:
    for given in ({"bucket": "b"}, [{"bucket": "b"}]):
        facet = {"directory": "/var/backups", "s3": given}
        target = Target.model_validate({"name": "db", "backup": facet})
        assert target.backup is not None
        assert [one.named for one in target.backup.s3] == ["s3://b/"]


def test_a_directory_of_files_is_not_encrypted() -> None:
    facet = {"directory": "/var/backups", "jobs": 2, "encrypt_to": ["age1" + "q" * 58]}
    with pytest.raises(ValidationError, match="leave out jobs or encrypt_to"):
        Target.model_validate({"name": "db", "backup": facet})
