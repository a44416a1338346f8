"""The examples of waivers in the documentation are waivers, and the pages name what the code has."""

from __future__ import annotations

import re
import shlex
from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.cli.main import parser
from pipeline.gate import WAIVABLE
from pipeline.waivers import FIELDS, FOLDER, LONGEST, Waiver, read_waiver

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference" / "waivers.md").read_text()
HOW_TO = (ROOT / "docs" / "how-to" / "handle-a-blocked-build.md").read_text()
TEMPLATE = (ROOT / "taxonomy-template" / FOLDER / "README.md").read_text()


@pytest.mark.parametrize("page", [REFERENCE, TEMPLATE], ids=["reference", "template"])
def test_the_example_is_a_waiver(page: str) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    day = date.fromisoformat(re.findall(r"expires: (\S+)", example)[0]) - timedelta(days=30)
    read = read_waiver(f"{FOLDER}/synonyms.yaml", example.encode(), merged=day, today=day, checks=WAIVABLE)
    assert isinstance(read, Waiver)
    assert read.leaf == "compositional_skills/linguistics/synonyms"


def test_the_reference_names_every_key_check_and_limit() -> None:
    assert re.findall(r"^\| `(\w+)` \|", REFERENCE, re.MULTILINE) == list(FIELDS)
    checks = REFERENCE[REFERENCE.index("- **A check**") : REFERENCE.index("does not block.")]
    assert set(re.findall(r"`(\w+)`", checks)) == WAIVABLE
    assert f"at most {LONGEST.days} days" in REFERENCE


@pytest.mark.parametrize(
    "line",
    sorted(
        {
            *re.findall(r"^(seedbed [a-z].*)$", HOW_TO, re.MULTILINE),
            *re.findall(r"`(seedbed (?:rollback|quarantine) [^`\n]+)`", HOW_TO),
        }
    ),
)
def test_commands_are_as_the_program_takes_them(line: str) -> None:
    argv = shlex.split(line)[1:]
    if argv[-1] == "--to":
        argv.append("3f2a9c01d4be")
    parser(argv).parse_args(argv)
