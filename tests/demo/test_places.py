from __future__ import annotations

import socket
from pathlib import Path

import pytest

from demo.stack.places import (
    PORTS,
    Places,
    StackError,
    forget,
    read,
    record,
    recorded,
    refuse_taken,
)
from tests.servers.ports import free_port


def test_the_ports_are_the_documented_ones_unless_a_variable_says_otherwise() -> None:
    places = read({"PRUNELLA_SHOP_PORT": "1234"})
    expected = {
        "exporter": 9650,
        "receiver": 9651,
        "shop": 1234,
        "prometheus": 9090,
        "alertmanager": 9093,
    }
    assert {part: places.ports[part] for part in expected} == expected


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1", "\N{FULLWIDTH DIGIT NINE}"])
def test_what_is_no_port_is_refused_with_its_variable(text: str) -> None:
    with pytest.raises(StackError, match=f"PRUNELLA_SHOP_PORT={text} is not a port"):
        read({"PRUNELLA_SHOP_PORT": text})


def test_two_parts_on_one_port_are_refused() -> None:
    with pytest.raises(
        StackError, match="PRUNELLA_RECEIVER_PORT and PRUNELLA_SHOP_PORT are both 9651"
    ):
        read({"PRUNELLA_SHOP_PORT": "9651"})


def on_free_ports(folder: Path) -> Places:
    return Places({part: free_port() for part in PORTS}, folder)


def test_a_taken_port_is_named_with_the_variable_to_change(tmp_path: Path) -> None:
    places = on_free_ports(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", places.ports["shop"]))
        other.listen()
        with pytest.raises(
            StackError, match=r"for shop is taken: set PRUNELLA_SHOP_PORT"
        ) as refused:
            refuse_taken(places)
    assert "PRUNELLA_REDIS_PORT" not in str(refused.value)


def test_free_ports_are_fine(tmp_path: Path) -> None:
    refuse_taken(on_free_ports(tmp_path))


def test_a_socket_path_that_the_kernel_would_refuse_is_moved() -> None:
    short, long = Places({}, Path("/var/stack")), Places({}, Path("/" + "long/" * 30))
    assert short.socket == Path("/var/stack/supervisor.sock")
    assert len(str(long.socket)) < 100
    assert long.socket != Places({}, Path("/" + "long/" * 31)).socket


def test_a_drill_in_another_terminal_finds_the_ports(tmp_path: Path) -> None:
    places = on_free_ports(tmp_path)
    record(places)
    assert recorded({"PRUNELLA_STACK": str(tmp_path)}) == places


def test_a_stack_that_is_down_is_not_found(tmp_path: Path) -> None:
    record(on_free_ports(tmp_path))
    forget(Places({}, tmp_path))
    with pytest.raises(StackError, match="no stack runs"):
        recorded({"PRUNELLA_STACK": str(tmp_path)})
