"""Plays a tutorial: writes the files that it shows, runs the commands that it shows, and puts in what they print.

A fenced block whose first line is like ```` ```yaml path/to/file ```` is a file; in a ```` ```console ```` block each
line that begins with `$ ` is a command, and what follows is its output. `python -m tests.tutorials FILE…` rewrites the
outputs; a test holds the files to what this module makes of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_BLOCK = re.compile(r"^```(?P<kind>\S+)(?: (?P<file>\S+))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def played(text: str) -> str:
    """The tutorial with the outputs that its commands print now, in an empty folder."""
    with tempfile.TemporaryDirectory() as name:
        return _BLOCK.sub(lambda block: _play(block, Path(name)), text)


def _play(block: re.Match[str], folder: Path) -> str:
    if block["file"]:
        target = folder / block["file"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block["body"], encoding="utf-8")
    if block["kind"] != "console":
        return block[0]
    commands = [line[2:] for line in block["body"].splitlines() if line.startswith("$ ")]
    return "```console\n" + "".join(f"$ {command}\n{_run(command, folder)}" for command in commands) + "```"


def _run(command: str, folder: Path) -> str:
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LANG": "C.UTF-8",
    }
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


if __name__ == "__main__":
    for tutorial in map(Path, sys.argv[1:]):
        tutorial.write_text(played(tutorial.read_text(encoding="utf-8")), encoding="utf-8")
