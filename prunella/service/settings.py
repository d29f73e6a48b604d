"""Config as frozen values: the fields of a Settings class are the keys of the file, and nothing else is a key.

Everything wrong with a file is found in one go and said as `path: message`, so that an operator repairs it once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails

from prunella.service.document import read_document
from prunella.service.problems import (
    ConfigError,
    Problem,
    mistake,
    mistakes_of,
    problems_of,
)
from prunella.service.rules import Rule, broken_rules, is_as_known, known_of, rules_of
from prunella.service.units import Duration, Listen, ListenAddress, Size

__all__ = [
    "ConfigError",
    "Duration",
    "Listen",
    "ListenAddress",
    "LocalPath",
    "Problem",
    "Secret",
    "Settings",
    "Size",
    "load",
]

Secret = SecretStr


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    return _folder(info) / path.expanduser()


# A path that is relative to the config file's folder, whatever directory the process runs in.
LocalPath = Annotated[Path, AfterValidator(_beside_the_file)]
S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """A part of the config. Every field that is a Secret is also read from the file named by `<field>_file`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        defer_build=True,
        ignored_types=(Rule,),
    )
    later: ClassVar[frozenset[str]] = frozenset()  # keys that are promised, but not known yet

    @model_validator(mode="wrap")
    @classmethod
    def _with_secret_files(
        cls, data: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        given = dict(data)
        found = [*_fill_secrets(cls, given, _folder(info)), *_take_out(cls.later, given)]
        try:
            settings = handler(given)
        except ValidationError as error:
            read = given.keys() - data.keys()
            told = {one.get("loc") for one in found}
            wrong = [_at_its_file(one, read) for one in mistakes_of(error, _keys(cls))]
            found += [one for one in wrong if one.get("loc") not in told]
        if rules_of(cls) or is_as_known(info.context):
            settings = known_of(cls, given, found, info.context) if found else settings
            found += [mistake((), words) for words in broken_rules(settings)]
        if found and not is_as_known(info.context):
            raise ValidationError.from_exception_data(cls.__name__, found, hide_input=True)
        return settings


def _take_out(later: frozenset[str], given: dict[Any, Any]) -> Iterator[InitErrorDetails]:
    for key in [key for key in given if key in later]:
        del given[key]
        yield mistake((key,), "is a key of a later version: this one does not know it yet")


def load(model: type[S], file: Path | None, environ: Mapping[str, str]) -> S:
    """The settings in `file`, or the model's defaults without one. Raises ConfigError with every mistake."""
    tree, problems = read_document(file, environ) if file else ({}, [])
    if any(problem.path == str(file) for problem in problems):
        raise ConfigError(problems)
    folder = file.absolute().parent if file else Path.cwd()
    try:
        settings = model.model_validate(tree, context={"folder": folder})
    except ValidationError as error:
        # What a variable should have filled in is one problem, not also a value of the wrong kind.
        known = {problem.path for problem in problems}
        root = str(file) if file else "config"
        problems += [p for p in problems_of(error, tree, root) if not _follows(p, known)]
    if problems:
        raise ConfigError(problems)
    return settings


def _follows(problem: Problem, known: Set[str]) -> bool:
    """Whether it is there only because of another: at the same place, or about the `${NAME}` that still stands below."""
    below = (f"{problem.path}.", f"{problem.path}[")
    quoted = "${" in problem.message and any(path.startswith(below) for path in known)
    return problem.path in known or quoted


def _folder(info: ValidationInfo) -> Path:
    """Where relative paths of the config start."""
    folder = info.context.get("folder") if isinstance(info.context, Mapping) else None
    return folder if isinstance(folder, Path) else Path.cwd()


def _fill_secrets(
    model: type[BaseModel], given: dict[object, object], folder: Path
) -> Iterator[InitErrorDetails]:
    """Replaces each `<field>_file` by the secret in that file."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        source = f"{key}_file"
        if not _is_secret(field.annotation) or source in model.model_fields or source not in given:
            continue
        path = given.pop(source)
        if key in given:
            yield mistake((source,), f"give {key} or {source}, not both")
            continue
        given[key] = SecretStr("unreadable")  # so that it is not reported as missing, too
        try:
            given[key] = _read_secret(folder, path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            yield mistake((source,), f"cannot read {path}: {reason}")


def _at_its_file(one: InitErrorDetails, read: Set[object]) -> InitErrorDetails:
    """A mistake in a secret that was read from a file is named by the key that is in the config."""
    key, *inside = one.get("loc", ()) or ("",)
    return {**one, "loc": (f"{key}_file", *inside)} if key in read else one


def _read_secret(folder: Path, path: object) -> SecretStr:
    if not isinstance(path, str | Path):
        raise ValueError("must be the path of a file")  # noqa: TRY004 - one kind of error to report
    text = (folder / path).read_text(encoding="utf-8").rstrip("\r\n")
    if not text:
        raise ValueError("the file is empty")
    return SecretStr(text)


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def _keys(model: type[BaseModel]) -> set[str]:
    """Every key that the model knows."""
    fields = [(field.alias or name, field) for name, field in model.model_fields.items()]
    files = {f"{key}_file" for key, field in fields if _is_secret(field.annotation)}
    return {key for key, _ in fields} | files
