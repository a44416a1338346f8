"""The pages for operators: commands that exist, settings that exist, series that exist, answers that the code gives."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import doorbell
from bot.cli.main import parser
from bot.engine.memory import MemoryEngine
from bot.inbox import Inbox
from bot.metrics import Metrics
from bot.settings import Settings

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = ("run-seedbed.md", "register-the-app.md", "operate.md", "keep-the-store.md", "try-and-serve-the-model.md")
OPERATE = (HOW_TO / "operate.md").read_text()


def commands() -> Iterator[str]:
    """Every `seedbed …` that a reader would type, in blocks and in lines."""
    for page in PAGES:
        text = (HOW_TO / page).read_text()
        found = re.findall(r"^(?: {4,})?(?:[A-Z_]+=\S+ )?(?:\S*/bin/)?(seedbed [a-z].*)$", text, re.MULTILINE)
        yield from found
        yield from re.findall(r"`(seedbed [a-z][^`\n]*)`", text)


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_commands_are_as_the_program_takes_them(line: str) -> None:
    argv = shlex.split(line.partition("  #")[0])[1:]
    parser(argv).parse_args(argv)


def test_there_are_commands() -> None:
    assert len(set(commands())) >= 10


@pytest.mark.parametrize("page", PAGES)
def test_settings_are_there(page: str) -> None:
    named = set(re.findall(r"SEEDBED_([A-Z_]+)", (HOW_TO / page).read_text()))
    assert named <= {name.upper() for name in Settings.model_fields}


def test_series_to_watch_are_there(tmp_path: Path) -> None:
    engine = MemoryEngine()
    figures = Metrics(engine, Inbox(tmp_path, engine))
    engine.enqueue("lint", {}, id="1", queue="lint")
    figures.answered("push", 202, 0.01)
    named = set(re.findall(r"`(seedbed_[a-z_]+)", OPERATE))
    there = set(re.findall(r"^# TYPE (\w+)", figures.text().decode(), re.MULTILINE))
    assert len(named) >= 6
    assert named <= there


def test_answers_are_those_of_the_code() -> None:
    table = OPERATE[OPERATE.index("What the webhook answers") : OPERATE.index("## Rotate")]
    documented = set(map(int, re.findall(r"\b([245]\d\d)\b", table)))
    source = Path(doorbell.__file__).read_text()
    assert documented == set(map(int, re.findall(r"\b([245]0\d|204|41[35])\b", source)))
