from __future__ import annotations

import pytest

from tests.exporter.parity.frame import MOVES, SAME, Near, Page, Read, assert_parity, read

TEXT = '# TYPE a_total counter\na_total{x="1"} 3\n# TYPE b counter\nb 4\n# TYPE c gauge\nc 5\n'


def fixed(*texts: str) -> Read:
    left = list(texts)

    async def page() -> Page:
        return read(left.pop(0) if len(left) > 1 else left[0])

    return page


def test_a_page_keeps_the_names_that_counters_have() -> None:
    page = read(TEXT)
    assert page.types == {"a_total": "counter", "b": "counter", "c": "gauge"}
    assert page.series["a_total"] == {("a_total", (("x", "1"),)): 3}
    assert page.series["b"] == {("b", ()): 4}


async def test_the_same_page_holds() -> None:
    table = {"a_total": SAME, "b": SAME, "c": SAME}
    await assert_parity(table, fixed(TEXT), fixed(TEXT), prefix="")


@pytest.mark.parametrize("table", [{"a_total": SAME, "b": SAME}, dict.fromkeys("abcd", SAME)])
async def test_a_table_that_does_not_list_what_is_shared_fails(table: dict[str, Near]) -> None:
    with pytest.raises(AssertionError):
        await assert_parity(table, fixed(TEXT), fixed(TEXT), prefix="")


async def test_a_value_between_the_peers_two_looks_holds_and_another_does_not() -> None:
    theirs = ("# TYPE c gauge\nc 5\n", "# TYPE c gauge\nc 9\n")
    for ours in (5, 7, 9):
        await assert_parity(
            {"c": SAME}, fixed(f"# TYPE c gauge\nc {ours}\n"), fixed(*theirs), prefix="c"
        )
    with pytest.raises(AssertionError, match="not within"):
        await assert_parity(
            {"c": SAME}, fixed("# TYPE c gauge\nc 10\n"), fixed(*theirs), prefix="c"
        )


async def test_a_missing_series_fails_also_where_values_move() -> None:
    ours, theirs = '# TYPE c gauge\nc{x="1"} 5\n', '# TYPE c gauge\nc{x="2"} 5\n'
    with pytest.raises(AssertionError, match="not ours"):
        await assert_parity({"c": MOVES}, fixed(ours), fixed(theirs), prefix="c")


async def test_another_type_fails() -> None:
    with pytest.raises(AssertionError, match="theirs a gauge"):
        await assert_parity(
            {"c": MOVES},
            fixed("# TYPE c counter\nc 5\n"),
            fixed("# TYPE c gauge\nc 5\n"),
            prefix="c",
        )


async def test_labels_of_one_of_the_two_alone_do_not_count() -> None:
    ours = '# TYPE c gauge\nc{name="cache",service=""} 5\n'
    theirs = '# TYPE c gauge\nc{server="h:1"} 5\n'
    only = ("name", "service", "server")
    await assert_parity({"c": SAME}, fixed(ours), fixed(theirs), prefix="c", only=only)
