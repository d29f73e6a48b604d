"""`docker` as a program over the compose of tests/servers/compose.py: hands its arguments on and prints what comes back."""

from __future__ import annotations

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as brain:
    brain.connect(sys.argv[1])
    order = {"argv": sys.argv[2:], "host": os.environ.get("DOCKER_HOST", "")}
    brain.sendall(json.dumps(order).encode() + b"\n")
    with brain.makefile("rb") as said:
        answer = json.loads(said.readline())
sys.stderr.write(answer["err"])
sys.stdout.write(answer["out"])
sys.exit(answer["exit"])
