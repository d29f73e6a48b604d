from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunella.service.document import UnsetVariable, expand, read_document
from prunella.service.problems import Problem


def document(
    folder: Path, text: str, **environ: str
) -> tuple[dict[object, object], list[tuple[str, str]]]:
    file = folder / "config.yml"
    file.write_text(text, encoding="utf-8")
    tree, problems = read_document(file, environ)
    return tree, [(problem.path, problem.message) for problem in problems]


def only_problem(file: Path) -> Problem:
    _, (problem,) = read_document(file, {})
    return problem


def test_a_variable_is_filled_in_and_stays_text(tmp_path: Path) -> None:
    tree, _ = document(tmp_path, "port: ${PORT}\nurl: 'redis://${HOST}/0'", PORT="5", HOST="h")
    assert tree == {"port": "5", "url": "redis://h/0"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${A}", "a"),
        ("${NO:-b c}", "b c"),
        ("${EMPTY:-b}", "b"),
        ("${NO:-}", ""),
        ("${EMPTY}", ""),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("$A $labels", "$A $labels"),
        ("a$", "a$"),
        ("PONG ${1} ${23}", "PONG ${1} ${23}"),
    ],
)
def test_variables_and_defaults_are_filled_in(text: str, expanded: str) -> None:
    assert expand(text, {"A": "a", "EMPTY": ""}) == expanded


def test_a_value_from_the_environment_is_not_expanded_again() -> None:
    assert expand("${A}", {"A": "${B}$$"}) == "${B}$$"


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A", "${A:b}"])
def test_a_variable_that_is_written_wrong_says_how_to_write_it(text: str) -> None:
    with pytest.raises(UnsetVariable, match=r"write \$\$"):
        expand(text, {"A": "a"})


@given(st.text().filter(lambda text: "$" not in text), st.text())
def test_text_around_a_variable_is_kept(text: str, value: str) -> None:
    assert expand(f"{text}${{A}}{text}", {"A": value}) == f"{text}{value}{text}"


@given(st.text())
def test_doubling_every_dollar_is_how_to_write_any_text(text: str) -> None:
    assert expand(text.replace("$", "$$"), {}) == text


def test_every_unset_variable_is_named_with_its_place(tmp_path: Path) -> None:
    _, problems = document(tmp_path, "a: ${NO}\nb: [x, {c: '${NO2}'}]")
    assert [path for path, _ in problems] == ["a", "b[1].c"]
    assert "NO2 is not set" in problems[1][1]


def test_a_key_given_twice_names_both_lines(tmp_path: Path) -> None:
    _, problems = document(tmp_path, "a: 1\nb: {c: 1, c: 2}\na: 2\n")
    assert problems == [
        ("a", "key given twice (lines 1 and 3)"),
        ("b.c", "key given twice (lines 2 and 2)"),
    ]


def test_words_that_older_yaml_took_for_booleans_are_words(tmp_path: Path) -> None:
    tree, _ = document(tmp_path, "on: [api]\nno: yes\ntime: 22:30\nday: 2026-01-01\nmode: 0755")
    expected = {"on": ["api"], "no": "yes", "time": "22:30", "day": "2026-01-01", "mode": "0755"}
    assert tree == expected


def test_numbers_booleans_and_null_are_what_they_look_like(tmp_path: Path) -> None:
    tree, _ = document(tmp_path, "a: 12\nb: -1.5\nc: true\nd: null\ne:\nf: '12'\ng: 0x1f\nh: 2.5e3")
    assert list(tree.values()) == [12, -1.5, True, None, None, "12", 31, 2500.0]


def test_an_alias_repeats_what_it_names(tmp_path: Path) -> None:
    tree, problems = document(
        tmp_path, "a: &x {t: '${T}'}\nb: *x\nc: {<<: *x, u: 1}", T="filled in"
    )
    assert tree["b"] == {"t": "filled in"}
    assert tree["c"] == {"t": "filled in", "u": 1}
    assert problems == []


@pytest.mark.parametrize("empty", ["", "# nothing\n", "---\n", "null"])
def test_an_empty_file_is_an_empty_config(tmp_path: Path, empty: str) -> None:
    assert document(tmp_path, empty) == ({}, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "not YAML: line 1, column 6"),
        ("a: b: c", "not YAML: line 1, column 5"),
        ("\tx", "not YAML: line 1, column 1"),
        ("a: !!python/object:os.system {}", "not YAML: line 1"),
        ("- a", "must be a mapping of keys at the top, not a list"),
        ("word", "must be a mapping of keys at the top, not a str"),
        ("[" * 1500, "nested too deeply"),
        ("a: 1\n---\nb: 2", "not YAML: line 2"),
        ("a: \x00", "not YAML"),
    ],
)
def test_a_file_that_is_no_config_says_why(tmp_path: Path, text: str, message: str) -> None:
    tree, ((path, found),) = document(tmp_path, text)
    assert (tree, path) == ({}, str(tmp_path / "config.yml"))
    assert found.startswith(message)


def test_a_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    problem = only_problem(tmp_path / "no.yml")
    assert problem.path.endswith("no.yml")
    assert "--config" in problem.message


def test_a_folder_is_not_a_config(tmp_path: Path) -> None:
    assert "Is a directory" in only_problem(tmp_path).message


def test_a_file_in_another_encoding_says_so(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_bytes(b"a: \xff")
    assert only_problem(file).message == "not UTF-8 text (byte 3); save it as UTF-8"
