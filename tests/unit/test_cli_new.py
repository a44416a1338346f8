from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from bot.cli import lint, new

LEAF = "compositional_skills/writing/haiku"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as current folder; git knows nobody."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def seedbed(*words: str) -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    new.add_parser(commands)
    lint.add_parser(commands)
    args = parser.parse_args(words)
    return int(args.run(args))


def written(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_from_an_empty_folder_to_a_green_leaf(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("new", "skill", LEAF, "--author", "ada", "--task", "Write a haiku on what is asked for.") == 0
    out = capsys.readouterr().out
    assert f"3. Run: seedbed lint --fix {LEAF}\n" in out
    assert written(empty) == [f"{LEAF}/attribution.txt", f"{LEAF}/qna.yaml", "schemas/compositional_skills.json"]
    assert seedbed("lint", LEAF) == 1
    text = (empty / LEAF / "qna.yaml").read_text()
    for number, (question, answer) in enumerate(HAIKU, 1):
        text = text.replace(f"TODO: write question {number}, as a person would ask it", question)
        text = text.replace(f"TODO: write answer {number}, as you would like to read it", answer + "   ")
    (empty / LEAF / "qna.yaml").write_text(text)
    capsys.readouterr()
    assert seedbed("lint", "--fix", LEAF) == 0, capsys.readouterr().out


HAIKU = [
    ("A haiku on frost, please.", "Glass grows on the pond; the heron lifts one slow foot, then thinks of herring."),
    (
        "Can you write one about my old bicycle?",
        "Rust sings on the hill, both wheels remember summer; the bell forgets it.",
    ),
    (
        "Something short for a retired teacher",
        "Chalk sleeps in its box. Forty years of raised hands wave from every window.",
    ),
    ("Winter is over. Three lines?", "Gutters talk all night. By noon the snowman has lent his hat to a crocus."),
    (
        "Describe the sea at night in this form.",
        "No shore but a sound; somewhere a lamp counts slowly what the dark carries.",
    ),
]


def test_the_editors_line_leads_to_the_schema(empty: Path) -> None:
    assert seedbed("new", "knowledge", "knowledge/science/comets") == 0
    leaf = empty / "knowledge/science/comets/qna.yaml"
    address = leaf.read_text().splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert json.loads((leaf.parent / address).read_text())["title"] == "Knowledge, version 3"


def test_a_schema_of_the_taxonomy_is_left_as_it_is(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty / "schemas").mkdir()
    (empty / "schemas/compositional_skills.json").write_text("{}")
    assert seedbed("new", "skill", LEAF, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "version": 1,
        "leaf": LEAF,
        "written": [f"{LEAF}/qna.yaml", f"{LEAF}/attribution.txt"],
        "replaced": [],
    }
    assert (empty / "schemas/compositional_skills.json").read_text() == "{}"


def test_nothing_is_replaced_without_force(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty / LEAF).mkdir(parents=True)
    (empty / LEAF / "qna.yaml").write_text("mine")
    assert seedbed("new", "skill", LEAF) == 2
    assert f"{LEAF}/qna.yaml: there already" in capsys.readouterr().err
    assert written(empty) == [f"{LEAF}/qna.yaml"]
    assert (empty / LEAF / "qna.yaml").read_text() == "mine"
    assert seedbed("new", "skill", LEAF, "--force") == 0
    assert f"replaced  {LEAF}/qna.yaml\n" in capsys.readouterr().out
    assert (empty / LEAF / "qna.yaml").read_text() != "mine"


def test_force_replaces_a_link_and_not_what_it_points_to(empty: Path) -> None:
    (empty / LEAF).mkdir(parents=True)
    (empty / "precious").write_text("precious")
    (empty / LEAF / "qna.yaml").symlink_to(empty / "precious")
    assert seedbed("new", "skill", LEAF, "--force") == 0
    assert (empty / "precious").read_text() == "precious"
    assert not (empty / LEAF / "qna.yaml").is_symlink()


def test_a_dry_run_writes_nothing(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("new", "skill", LEAF, "--dry-run") == 0
    assert f"would be written   {LEAF}/qna.yaml\n" in capsys.readouterr().out
    assert written(empty) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("skill", "haiku"), "compositional_skills/<field>/haiku"),
        (
            ("skill", "compositional_skills/Writing/My Haiku"),
            "try: seedbed new skill 'compositional_skills/writing/my_haiku'",
        ),
        (("grounded", LEAF), "try: seedbed new grounded 'compositional_skills/grounded/writing/haiku'"),
        (("skill", "knowledge/a/b"), "form of a skill"),
        (("skill", "."), "the taxonomy's own folder"),
        (("skill", LEAF, "--domain", "x"), "only knowledge has a domain"),
        (("skill", LEAF, "--author", "@ada"), "not a GitHub login"),
        (("skill", LEAF, "--license", "do what you like"), "SPDX"),
    ],
)
def test_wrong_use_says_why_and_what_is_right(
    empty: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert seedbed("new", *words) == 2
    assert said in capsys.readouterr().err
    assert written(empty) == []


def test_a_leaf_above_or_below_is_in_the_way(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("new", "skill", LEAF) == 0
    assert seedbed("new", "skill", f"{LEAF}/spring") == 2
    assert "below another one" in capsys.readouterr().err
    assert seedbed("new", "skill", "compositional_skills/writing") == 2
    assert "below this one" in capsys.readouterr().err


def test_inside_the_taxonomy_paths_are_relative(
    empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty / "compositional_skills/writing").mkdir(parents=True)
    monkeypatch.chdir(empty / "compositional_skills/writing")
    assert seedbed("new", "skill", "haiku") == 0
    assert "written   haiku/qna.yaml" in capsys.readouterr().out
    assert (empty / LEAF / "qna.yaml").is_file()
    assert seedbed("new", "skill", "compositional_skills/writing/limerick") == 2
    assert "you are in compositional_skills/writing already" in capsys.readouterr().err
    assert seedbed("new", "skill", str(empty / "compositional_skills/writing/limerick")) == 0
    assert (empty / "compositional_skills/writing/limerick/qna.yaml").is_file()


@pytest.mark.parametrize(
    ("key", "value", "login"),
    [
        ("github.user", "ada-lovelace", "ada-lovelace"),
        ("user.email", "123+ada@users.noreply.github.com", "ada"),
        ("user.email", "ada@example.org", "your-github-login"),
    ],
)
def test_the_login_is_taken_from_git_where_it_is_sure(empty: Path, key: str, value: str, login: str) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "config", key, value], check=True)
    assert seedbed("new", "skill", LEAF) == 0
    assert yaml.safe_load((empty / LEAF / "qna.yaml").read_text())["created_by"] == login
