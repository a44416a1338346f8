"""Stages that are done once: what each gave is kept by the digest of what it depends on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.files import write_durably
from pipeline.manifest import canonical

Output = dict[str, Any]


class BuildError(Exception):
    """A build cannot start or go on. The message says why and what to do; what was done stays done."""


@dataclass(slots=True)
class Stages:
    """The stages of one build in `folder`. Each depends on all before it: its mark holds the digest of their outputs.

    `made` names the stages that did work in this run.
    """

    folder: Path
    build_id: str
    made: list[str] = field(default_factory=list)
    _chain: str = ""

    def run(self, name: str, work: Callable[[], Output], *, depends: object = None) -> Output:
        """The output of a stage: as marked, or made by `work` now. `depends`: inputs besides the earlier outputs."""
        mark = self.folder / "stages" / f"{name}.json"
        inputs = _digest([self.build_id, self._chain, name, depends])
        output = _marked(mark, inputs)
        if output is None:
            output = work()
            self.made.append(name)
            write_durably(mark, canonical({"inputs": inputs, "output": output}))
        self._chain = _digest([inputs, output])
        return output

    def recorded(self, name: str) -> Output | None:
        """What a stage gave when it last ran, whatever it depended on."""
        return _marked(self.folder / "stages" / f"{name}.json", None)


def _marked(mark: Path, inputs: str | None) -> Output | None:
    try:
        kept = json.loads(mark.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    output: Output | None = kept["output"] if inputs in (None, kept["inputs"]) else None
    return output


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Hold the build lock of a state folder; the system frees it when its holder dies. Raises `BuildError`."""
    import fcntl

    state.mkdir(parents=True, exist_ok=True)
    with (state / "build.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise BuildError(
                f"another build runs in {state} (process {lock.read().strip() or 'unknown'}); wait for it, or stop it"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
