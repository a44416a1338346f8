"""What was published where: `state/published.json`. It decides nothing about a build's bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pipeline.files import write_durably
from pipeline.publishing.port import PublishError

NAME = "published.json"
VERSION = 1
State = Literal["published", "failed", "differs"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One build in one place. `differs`: it is there, and reads back otherwise than it was sent.

    `key`: what the release was made from; `digest`: its files; `reference`: what finds it there; `at`: when, as the
    caller told it; `reason`: why it failed.
    """

    where: str
    state: State
    key: str = ""
    digest: str = ""
    reference: str = ""
    reason: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """All entries, by build and name of the publisher."""

    state: Path

    def all(self) -> dict[str, dict[str, Entry]]:
        """Everything. Raises `PublishError` where the file is damaged."""
        path = self.state / NAME
        try:
            builds: Mapping[str, Mapping[str, Any]] = json.loads(path.read_bytes())["builds"]
            return {build: {name: Entry(**row) for name, row in rows.items()} for build, rows in builds.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise PublishError(
                f"{path} cannot be read ({error}); move it aside, and `seedbed publish` finds out again what is where"
            ) from error

    def of(self, build_id: str) -> dict[str, Entry]:
        """The places of one build."""
        return self.all().get(build_id, {})

    def write(self, build_id: str, name: str, entry: Entry) -> None:
        """Set one entry; a reader, or a kill, sees the old file or the new. Raises `OSError`."""
        builds = self.all()
        before = builds.get(build_id, {}).get(name)
        if before is not None and replace(before, at="") == replace(entry, at=""):
            return
        builds.setdefault(build_id, {})[name] = entry
        plain = {build: {name: asdict(row) for name, row in rows.items()} for build, rows in builds.items()}
        data = {"version": VERSION, "builds": plain}
        write_durably(self.state / NAME, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())
