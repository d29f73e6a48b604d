"""A small app in Node and in Python that says which release it is by what lies beside it, as a release or a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.receiver.strategies.places import a_release
from tests.receiver.strategies.repositories import a_clone, commit, git

NODE = """\
'use strict';
const version = require('node:fs').readFileSync(`${__dirname}/version`, 'utf8').trim();
const server = require('node:http').createServer((_, answer) => answer.end(JSON.stringify({version})));
process.on('SIGINT', () => server.close(() => setTimeout(() => process.exit(0), 250)));
server.listen(Number(process.env.PORT), '127.0.0.1');
"""
PYTHON = """\
import http.server, json, os, pathlib
version = pathlib.Path("version").read_text().strip()
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"version": version}).encode())
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""


def files(version: str) -> Mapping[str, str]:
    """One release of it."""
    return {"version": version, "app.js": NODE, "app.py": PYTHON}


def in_folders(folder: Path, versions: Sequence[str]) -> Path:
    """`releases/` with all of them; the last is live."""
    path = folder / "api"
    for version in versions:
        a_release(path, version, files(version))
    (path / "current").symlink_to(f"releases/{versions[-1]}")
    return path


def in_a_repository(folder: Path, versions: Sequence[str]) -> Path:
    """A bare clone with a tag for each; only the last, which is live, has a worktree."""
    origin = folder / "origin"
    origin.mkdir(parents=True)
    git("init", "--quiet", "--initial-branch=main", at=origin)
    commit(origin, "begin", **{".gitignore": "__pycache__/\n"})
    for version in versions:
        for name, text in files(version).items():
            (origin / name).write_text(text)
        commit(origin, f"release {version}", version)
    return a_clone(folder, origin, "--bare", live=versions[-1])
