from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import lint
from tests.unit.leaf_texts import KNOWLEDGE_PATH, SKILL_PATH, knowledge, skill, tree


@pytest.fixture
def taxonomy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one good skill and one bad knowledge leaf, as current folder."""
    put(tmp_path, tree(SKILL_PATH, skill()) | tree(KNOWLEDGE_PATH, knowledge(seeds=4)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(root: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def seedbed(*words: str) -> int:
    parser = argparse.ArgumentParser()
    lint.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["lint", *words])
    return int(args.run(args))


def git(root: Path, *words: str) -> None:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", str(root), *settings, *words], check=True, capture_output=True)


def judged(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    report = json.loads(capsys.readouterr().out)
    return report["summary"]["files"], [f"{f['path']} {f['rule']}" for f in report["findings"]]


def test_the_taxonomy_around_the_current_folder(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed() == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{KNOWLEDGE_PATH}:10:1: error schema-too-few seed_examples has 4 entries")
    assert out.endswith("2 files checked: 1 error, 0 warnings.\n")


def test_a_good_leaf_passes(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed(SKILL_PATH) == 0
    assert capsys.readouterr().out == "1 file checked, all good.\n"


def test_paths_in_json_are_those_of_the_taxonomy(
    taxonomy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(taxonomy / "knowledge")
    assert seedbed("science", "--format", "json") == 1
    assert judged(capsys) == (1, [f"{KNOWLEDGE_PATH} schema-too-few"])


def test_an_attribution_file_judges_its_leaf(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed(KNOWLEDGE_PATH.replace("qna.yaml", "attribution.txt"), "--format", "json") == 1
    assert judged(capsys)[0] == 1


def test_base_judges_what_changed_since(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(taxonomy, "init")
    git(taxonomy, "add", ".")
    git(taxonomy, "commit", "-m", "start")
    assert seedbed("--base", "HEAD") == 0
    assert "Nothing to lint" in capsys.readouterr().out
    put(taxonomy, tree("compositional_skills/arts/new leaf é/qna.yaml", skill(seeds=2)))
    (taxonomy / SKILL_PATH).with_name("attribution.txt").unlink()
    assert seedbed("--base", "HEAD", "--format", "json", "--select", "compat") == 1
    new = "compositional_skills/arts/new leaf é/qna.yaml"
    assert judged(capsys) == (2, [f"{SKILL_PATH} attribution-missing", f"{new} schema-too-few"])


def test_a_revision_that_is_none(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(taxonomy, "init")
    assert seedbed("--base", "nowhere") == 2
    assert "cannot compare" in capsys.readouterr().err


def test_no_such_path(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("knowledge/none") == 2
    assert "knowledge/none does not exist" in capsys.readouterr().err


def test_a_path_that_is_no_leaf(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (taxonomy / "README.md").write_text("x")
    assert seedbed("README.md") == 2
    assert "no leaf" in capsys.readouterr().err


def test_nothing_to_lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert seedbed() == 0
    assert "Nothing to lint" in capsys.readouterr().out


def test_unknown_rules_and_versions(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("--select", "shapes") == 2
    assert "'shapes'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        seedbed("--schema", "oldest")
    assert stopped.value.code == 2


def test_select_ignore_and_schema(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("--ignore", "schema-too-few,whitespace") == 0
    assert seedbed("--select", "whitespace", "--select", "yaml") == 0
    (taxonomy / SKILL_PATH).write_text(skill(version=2))
    assert seedbed(SKILL_PATH) == 1
    assert seedbed(SKILL_PATH, "--schema", "declared") == 0
    assert seedbed(SKILL_PATH, "--schema", "2") == 0


def test_links_pipes_and_giants_are_never_followed_or_read(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = taxonomy / "secret.txt"
    secret.write_text("key: hunter2")
    for name in ("linked", "pipe", "giant"):
        (taxonomy / "knowledge" / name).mkdir()
    (taxonomy / "knowledge/linked/qna.yaml").symlink_to(secret)
    os.mkfifo(taxonomy / "knowledge/pipe/qna.yaml")
    with (taxonomy / "knowledge/giant/qna.yaml").open("wb") as giant:
        giant.truncate(10 * 2**20)
    assert seedbed("knowledge", "--format", "json", "--ignore", "content,attribution") == 1
    files, found = judged(capsys)
    assert files == 4
    assert found == [
        "knowledge/giant/qna.yaml file-too-large",
        "knowledge/linked/qna.yaml unreadable",
        "knowledge/pipe/qna.yaml unreadable",
        f"{KNOWLEDGE_PATH} schema-too-few",
    ]


def test_a_terminal_without_unicode(taxonomy: Path) -> None:
    (taxonomy / SKILL_PATH).write_text(skill(seeds=4).replace("task_description", "täsk"))
    command = [sys.executable, "-c", "from bot.cli.main import main; raise SystemExit(main(['lint']))"]
    root = str(Path(lint.__file__).parents[2])
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": root}
    done = subprocess.run(command, capture_output=True, env=environment, cwd=taxonomy)
    assert done.returncode == 1, done.stderr
    assert b"t\\xe4sk" in done.stdout


def test_lint_imports_nothing_heavy() -> None:
    code = (
        "import sys, bot.cli.lint; "
        "bad = {'torch', 'rich', 'pydantic', 'fastapi', 'jsonschema', 'dbos', 'github'} & set(sys.modules); "
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
