from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import migrate
from bot.cli.main import main
from tests.unit.leaf_texts import KNOWLEDGE_PATH, SKILL_PATH, skill, tree
from tests.unit.test_validators_migrate import LAMPS, old_knowledge


@pytest.fixture
def taxonomy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one old skill and one old knowledge leaf, as current folder."""
    put(tmp_path, tree(SKILL_PATH, skill(version=1)) | tree(KNOWLEDGE_PATH, old_knowledge(3)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(root: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def seedbed(*words: str) -> int:
    parser = argparse.ArgumentParser()
    migrate.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["migrate", *words])
    return int(args.run(args))


def test_a_skill_is_carried_over_and_the_second_time_nothing_is_done(
    taxonomy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert seedbed(SKILL_PATH) == 0
    assert (taxonomy / SKILL_PATH).read_text() == skill()
    assert capsys.readouterr().out == (
        f"{SKILL_PATH}\n  `version: 1` is now `version: 3`\n\nCarried 1 of 1 leaf to version 3.\n"
    )
    assert seedbed(SKILL_PATH) == 0
    assert capsys.readouterr().out == "Carried 0 of 1 leaf to version 3.\n"


def test_what_is_left_is_listed_and_the_exit_code_says_so(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("knowledge") == 1
    out = capsys.readouterr().out
    assert "  grouped 3 questions under 1 context\n" in out
    assert "  to do, line 14: Copy here the passage of the document that answers these questions.\n" in out
    assert out.endswith(
        "1 leaf with something left to do: see to what is listed above, "
        "then run `seedbed lint --fix knowledge/science/lamps`.\n"
    )
    before = (taxonomy / KNOWLEDGE_PATH).read_bytes()
    assert seedbed("knowledge") == 1
    assert "to do, line 14" in capsys.readouterr().out
    assert (taxonomy / KNOWLEDGE_PATH).read_bytes() == before


def test_a_dry_run_changes_nothing(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("--dry-run") == 1
    assert "Would carry 2 of 2 leaves to version 3.\n" in capsys.readouterr().out
    assert (taxonomy / SKILL_PATH).read_text() == skill(version=1)


def test_the_diff_is_a_patch_that_git_applies(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("--diff") == 1
    patch = capsys.readouterr().out
    assert (taxonomy / SKILL_PATH).read_text() == skill(version=1)
    subprocess.run(["git", "apply", "-"], input=patch.encode(), check=True, cwd=taxonomy)
    assert (taxonomy / SKILL_PATH).read_text() == skill()
    assert seedbed("--diff") == 0
    assert capsys.readouterr().out == ""


def test_json_says_the_same(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["summary"] == {"files": 2, "changed": 2, "complete": 1}
    first, second = said["leaves"]
    assert first == {
        "path": SKILL_PATH,
        "changed": True,
        "complete": True,
        "steps": ["`version: 1` is now `version: 3`"],
        "missing": [],
        "problem": "",
    }
    assert {missing["rule"] for missing in second["missing"]} == {"placeholder-left", "schema-too-few"}
    assert set(second["missing"][0]) == {"rule", "path", "line", "column", "message", "help"}


@pytest.mark.parametrize("given", ["lamps.md", "."])
def test_the_document_gives_contexts(taxonomy: Path, tmp_path_factory: pytest.TempPathFactory, given: str) -> None:
    documents = tmp_path_factory.mktemp("documents")
    put(
        documents,
        {"lamps.md": LAMPS.encode(), "notes/birds.txt": b"Nothing on lamps here, but much on the lamp keeper."},
    )
    pair = "seed_examples:\n  - question: Where was the glass ground?\n    answer: In a workshop at Orrin Head.\n"
    text = "created_by: a\ndomain: b\n" + pair + "document: {repo: a, commit: b, patterns: ['*.md']}\n"
    put(taxonomy, tree(KNOWLEDGE_PATH, text))
    assert seedbed("knowledge", "--document", str(documents / given)) == 1
    migrated = (taxonomy / KNOWLEDGE_PATH).read_text()
    assert "Its glass was ground in a workshop at Orrin Head, by two sisters who never saw the sea.\n" in migrated
    assert "TODO: copy here" not in migrated


def test_documents_that_cannot_be_used(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(taxonomy, {"a.pdf": b"%PDF-1.7 \xff\xfe", "empty/x.png": b""})
    for given, words in (
        ("none.md", "does not exist"),
        ("a.pdf", "no UTF-8 text"),
        ("empty", "no Markdown or text file"),
    ):
        assert seedbed("--document", given) == 2
        assert words in capsys.readouterr().err
    assert (taxonomy / SKILL_PATH).read_text() == skill(version=1)


def test_what_cannot_be_carried_over_says_why(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (taxonomy / SKILL_PATH).write_text("created_by: [\n")
    (taxonomy / "knowledge/linked").mkdir()
    (taxonomy / "knowledge/linked/qna.yaml").symlink_to(taxonomy / KNOWLEDGE_PATH)
    assert seedbed() == 1
    out = capsys.readouterr().out
    assert f"{SKILL_PATH}\n  left as it is: line 1: " in out
    assert "knowledge/linked/qna.yaml\n  left as it is: this is no plain file\n" in out
    assert (taxonomy / SKILL_PATH).read_text() == "created_by: [\n"


def test_wrong_use(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("nowhere") == 2
    assert "seedbed migrate: nowhere does not exist" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        seedbed("--diff", "--dry-run")
    assert stopped.value.code == 2


def test_nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert seedbed() == 0
    assert capsys.readouterr().out == "Nothing to migrate: no leaf here.\n"


def test_migrate_and_new_import_nothing_heavy() -> None:
    code = (
        "import sys, bot.cli.migrate, bot.cli.new; "
        "bad = {'torch', 'rich', 'pydantic', 'fastapi', 'jsonschema', 'dbos', 'github'} & set(sys.modules); "
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_attribution_of_old_seed_examples_is_written_beside_the_leaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "    attribution:\n      - source: self-authored\n        license: Apache-2.0\n"
    seeds = "".join(f"  - question: Say {n}.\n    answer: The number {n} in full.\n{told}" for n in range(5))
    leaf = tmp_path / "compositional_skills" / "a" / "numbers" / "qna.yaml"
    leaf.parent.mkdir(parents=True)
    leaf.write_text(f"created_by: ada-lovelace\ntask_description: Say numbers.\nseed_examples:\n{seeds}")
    monkeypatch.chdir(tmp_path)
    assert main(["migrate", "--diff"]) == 1
    assert "+++ b/compositional_skills/a/numbers/attribution.txt" in capsys.readouterr().out
    assert not leaf.with_name("attribution.txt").exists()
    assert main(["migrate"]) == 0
    assert "License of the work: Apache-2.0" in leaf.with_name("attribution.txt").read_text()
