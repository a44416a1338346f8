"""`seedbed generate` and `seedbed preview`: what they make, say, plan and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot import making
from bot.cli.main import main
from pipeline.teacher.scripted import ScriptedTeacher
from tests.unit import leaf_texts
from tests.unit.git_fixture import bare, commit
from tests.unit.schema_script import script

LEAF = "compositional_skills/arts/colours"


@pytest.fixture
def teachers(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedTeacher]:
    """The teachers that commands opened; they write as a large one would."""
    opened: list[ScriptedTeacher] = []

    def teacher_of(settings: object) -> ScriptedTeacher:
        opened.append(ScriptedTeacher(script, form="schema"))
        return opened[-1]

    monkeypatch.setattr(making, "teacher_of", teacher_of)
    monkeypatch.setattr(making, "packaged_embedder", lambda: None)
    return opened


@pytest.fixture
def taxonomy(tmp_path: Path) -> Path:
    at = bare(tmp_path / "taxonomy.git")
    files = {
        **leaf_texts.tree(leaf_texts.SKILL_PATH, leaf_texts.skill(7)),
        "compositional_skills/arts/broken/qna.yaml": b"version: 3\n",
    }
    commit(at, files, "Add colours (#12)")
    return at


def generate(taxonomy: Path, tmp_path: Path, *more: str) -> int:
    given = ["--taxonomy", str(taxonomy), "--state", str(tmp_path / "state"), "--leaf", LEAF, "--samples", "6"]
    return main(["generate", *given, *more])


def test_samples_are_made_once(
    taxonomy: Path, tmp_path: Path, teachers: list[ScriptedTeacher], capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert generate(taxonomy, tmp_path, "--json", "--html", str(page)) == 1, "the other leaf was passed over"
    first = json.loads(capsys.readouterr().out)
    [leaf] = first["leaves"]
    assert (leaf["path"], leaf["kept"]) == (LEAF, 6)
    assert leaf["judge"]["auc"] is not None
    assert leaf["asked_now"]["requests"] == first["usage"]["requests"] == teachers[0].requests > 6
    assert [passed["path"] for passed in first["skipped"]] == ["compositional_skills/arts/broken/qna.yaml"]
    assert LEAF in page.read_text()
    assert "AUC " in page.read_text()
    generate(taxonomy, tmp_path, "--json")
    again = json.loads(capsys.readouterr().out)
    assert teachers[1].requests == 0
    assert again["root"] == first["root"]


def test_the_table_says_what_was_made_and_passed_over(
    taxonomy: Path, tmp_path: Path, teachers: list[ScriptedTeacher], capsys: pytest.CaptureFixture[str]
) -> None:
    generate(taxonomy, tmp_path)
    said = capsys.readouterr().out
    assert "6 of 6" in said
    assert "broken/qna.yaml: passed over" in said
    assert "6 samples of 1 leaves by scripted" in said


def test_a_dry_run_says_what_and_why_and_asks_nothing(
    taxonomy: Path, tmp_path: Path, teachers: list[ScriptedTeacher], capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(taxonomy, tmp_path, "--dry-run", "--json") == 0
    [leaf] = json.loads(capsys.readouterr().out)["leaves"]
    assert (leaf["why"], leaf["seconds"]) == ("new", None)
    assert 6 < leaf["requests"] < 40
    assert teachers[0].requests == 0
    generate(taxonomy, tmp_path)
    capsys.readouterr()
    assert generate(taxonomy, tmp_path, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "stored" in said
    assert "0 of 1 leaves would ask about 0 requests" in said
    assert generate(taxonomy, tmp_path, "--samples", "12", "--dry-run", "--json") == 0
    more = json.loads(capsys.readouterr().out)["leaves"][0]
    assert more["why"] == "the number of samples changed"
    assert more["requests"] < 2 * leaf["requests"], "what was answered is not asked again"


def test_wrong_use_says_what_to_do(
    taxonomy: Path, tmp_path: Path, teachers: list[ScriptedTeacher], capsys: pytest.CaptureFixture[str]
) -> None:
    state = str(tmp_path / "state")
    assert main(["generate", "--taxonomy", str(tmp_path), "--state", state]) == 2
    assert "no git repository; name one with --taxonomy" in capsys.readouterr().err
    assert main(["generate", "--taxonomy", str(taxonomy), "--state", state, "--leaf", "knowledge/none"]) == 2
    assert "is it committed?" in capsys.readouterr().err
    assert main(["generate", "--taxonomy", str(taxonomy), "--state", state, "--commit", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_preview_reads_what_is_not_committed(
    tmp_path: Path, teachers: list[ScriptedTeacher], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "taxonomy" / LEAF
    folder.mkdir(parents=True)
    (folder / "qna.yaml").write_text(leaf_texts.skill(7))
    (folder / "attribution.txt").write_text("Own work, CC0-1.0\n")
    state = ["--state", str(tmp_path / "state")]
    assert main(["preview", str(folder), *state]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{LEAF}: 3 kept, ")
    assert said.count("question:") == 3
    assert main(["preview", str(folder / "qna.yaml"), "-n", "2", "--json", *state]) == 0
    [leaf] = json.loads(capsys.readouterr().out)["leaves"]
    assert len(leaf["kept"]) == 2
    assert teachers[1].requests == 0, "the first preview's answers are there"


def test_a_preview_of_what_is_no_leaf_is_refused(
    tmp_path: Path, teachers: list[ScriptedTeacher], capsys: pytest.CaptureFixture[str]
) -> None:
    state = ["--state", str(tmp_path / "state")]
    assert main(["preview", str(tmp_path), *state]) == 2
    assert "`seedbed new` starts a leaf" in capsys.readouterr().err
    (tmp_path / "qna.yaml").write_text(leaf_texts.skill())
    assert main(["preview", str(tmp_path), *state]) == 2
    assert "lies in no taxonomy" in capsys.readouterr().err
    assert teachers == []
