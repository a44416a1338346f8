"""What took long to measure is kept, so that a run that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.files import write_durably


def on_file(record: Path, measure: Callable[[], Any]) -> Any:
    """What `record` says; where there is none, what `measure` returns (JSON), written there."""
    if not record.exists():
        write_durably(record, json.dumps(measure()).encode())
    return json.loads(record.read_bytes())
