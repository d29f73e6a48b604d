"""A client of a Redis that asks once a millisecond and writes down how long each answer took: `… redis_beside PORT`.

A process of its own, with a plain socket, so that it is as small a part of what it measures as it can be. It asks until
its standard input ends. While an answer is late nobody else would have been answered either: for every question that
was not asked because of that, the rest of the wait is counted, too.
"""

from __future__ import annotations

import select
import socket
import sys
import time

EVERY = 0.001
QUESTIONS = (b"PING\r\n", b"GET beside\r\n")


def main(port: int) -> None:
    """Prints all latencies, in microseconds, on one line."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        took: list[float] = []
        while not select.select([sys.stdin], [], [], 0)[0]:
            began = time.perf_counter()
            connection.sendall(QUESTIONS[len(took) % 2])
            connection.recv(4096)
            waited = time.perf_counter() - began
            while waited > 0:
                took.append(waited)
                waited -= EVERY
                if waited < EVERY:
                    break
            time.sleep(max(0.0, EVERY - (time.perf_counter() - began)))
    print(" ".join(f"{1e6 * seconds:.0f}" for seconds in took))


if __name__ == "__main__":
    main(int(sys.argv[1]))
