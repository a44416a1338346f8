from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.cli import lint, lint_fix, lint_judge
from tests.unit.leaf_texts import KNOWLEDGE_PATH, SKILL_PATH, knowledge, skill, tree
from validators import Finding, FixResult
from validators.limits import LIMITS


@pytest.fixture
def taxonomy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one good skill and one bad knowledge leaf, as current folder; judged by group compat."""
    put(tmp_path, tree(SKILL_PATH, skill()) | tree(KNOWLEDGE_PATH, knowledge(seeds=4)))
    (tmp_path / ".seedbed.yaml").write_text("lint: {select: [compat]}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
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


def committed(root: Path) -> None:
    git(root, "init")
    git(root, "add", ".")
    git(root, "commit", "-m", "start")


def judged(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    report = json.loads(capsys.readouterr().out)
    return report["summary"]["files"], [f"{f['path']} {f['rule']}" for f in report["findings"]]


def test_the_taxonomy_around_the_current_folder(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed() == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{KNOWLEDGE_PATH}:10:1: error schema-too-few")
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
    committed(taxonomy)
    assert seedbed("--base", "HEAD") == 0
    assert "Nothing to lint" in capsys.readouterr().out
    put(taxonomy, tree("compositional_skills/arts/new leaf é/qna.yaml", skill(seeds=2)))
    (taxonomy / SKILL_PATH).with_name("attribution.txt").unlink()
    assert seedbed("--base", "HEAD", "--format", "json") == 1
    new = "compositional_skills/arts/new leaf é/qna.yaml"
    assert judged(capsys) == (2, [f"{SKILL_PATH} attribution-missing", f"{new} schema-too-few"])


def test_base_means_where_the_work_began(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What others changed on the base branch meanwhile is none of this change's business."""
    committed(taxonomy)
    git(taxonomy, "switch", "-c", "mine")
    put(taxonomy, tree("knowledge/arts/mine/qna.yaml", knowledge(seeds=3)))
    git(taxonomy, "add", ".")
    git(taxonomy, "commit", "-m", "mine")
    git(taxonomy, "switch", "main")
    put(taxonomy, {SKILL_PATH: skill(seeds=6).encode()})
    git(taxonomy, "commit", "-am", "theirs")
    git(taxonomy, "switch", "mine")
    assert seedbed("--base", "main", "--format", "json") == 1
    assert judged(capsys) == (1, ["knowledge/arts/mine/qna.yaml schema-too-few"])


@pytest.mark.parametrize("revision", ["nowhere", "--help"])
def test_a_revision_that_is_none(taxonomy: Path, revision: str, capsys: pytest.CaptureFixture[str]) -> None:
    git(taxonomy, "init")
    assert seedbed(f"--base={revision}") == 2
    assert f"cannot compare with '{revision}'" in capsys.readouterr().err


def test_a_base_without_a_repository(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seedbed("--base", "main") == 2
    assert "not a git repository" in capsys.readouterr().err


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


def test_select_ignore_and_schema(taxonomy: Path) -> None:
    assert seedbed("--ignore", "schema-too-few,whitespace") == 0
    assert seedbed("--select", "whitespace", "--select", "yaml") == 0
    (taxonomy / SKILL_PATH).write_text(skill(version=2))
    assert seedbed(SKILL_PATH) == 1
    assert seedbed(SKILL_PATH, "--schema", "declared") == 0
    assert seedbed(SKILL_PATH, "--schema", "2") == 0


def test_a_leaf_has_one_path_from_wherever_it_is_looked_at(
    taxonomy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`docs/examples/knowledge` makes no taxonomy of `docs/examples`."""
    put(taxonomy, tree("docs/examples/knowledge/qna.yaml", knowledge(seeds=3)))
    git(taxonomy, "init")
    monkeypatch.chdir(taxonomy / "docs/examples/knowledge")
    assert seedbed("--format", "json") == 1
    assert judged(capsys)[1] == ["docs/examples/knowledge/qna.yaml schema-too-few"]


# Configuration


def test_the_configuration_of_the_taxonomy_holds(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (taxonomy / ".seedbed.yaml").write_text("lint: {select: [compat], levels: {schema-too-few: warning}}\n")
    assert seedbed() == 0
    assert "0 errors, 1 warning" in capsys.readouterr().out
    other = taxonomy / "other.yaml"
    other.write_text("lint: {select: [whitespace]}\n")
    assert seedbed("--config", "other.yaml") == 0
    assert "all good" in capsys.readouterr().out


def test_with_a_base_the_configuration_comes_from_there(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    committed(taxonomy)
    (taxonomy / ".seedbed.yaml").write_text("lint: {select: [whitespace]}\n")
    (taxonomy / KNOWLEDGE_PATH).write_text(knowledge(seeds=3))
    assert seedbed("--base", "HEAD", "--format", "json") == 1
    assert judged(capsys) == (1, [f"{KNOWLEDGE_PATH} schema-too-few"])
    assert seedbed("--format", "json") == 0


def test_a_broken_configuration_is_wrong_use_and_has_a_place(
    taxonomy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (taxonomy / ".seedbed.yaml").write_text("lint:\n  ignore: [no-such-rule]\n")
    assert seedbed() == 2
    assert f"{taxonomy / '.seedbed.yaml'}:2:12: " in capsys.readouterr().err
    (taxonomy / ".seedbed.yaml").unlink()
    (taxonomy / ".seedbed.yaml").symlink_to("elsewhere")
    assert seedbed() == 2
    assert "no plain file" in capsys.readouterr().err
    assert seedbed("--config", "none.yaml") == 2
    assert "none.yaml cannot be read" in capsys.readouterr().err


# What git and the file system say beside contents


def test_links_pipes_and_giants_are_never_followed_or_read(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = taxonomy / "secret.txt"
    secret.write_text("key: hunter2")
    for name in ("linked", "pipe", "giant"):
        (taxonomy / "knowledge" / name).mkdir()
    (taxonomy / "knowledge/linked/qna.yaml").symlink_to(secret)
    os.mkfifo(taxonomy / "knowledge/pipe/qna.yaml")
    with (taxonomy / "knowledge/giant/qna.yaml").open("wb") as giant:
        giant.truncate(10 * 2**20)
    assert seedbed("knowledge", "--format", "json", "--ignore", "attribution") == 1
    files, found = judged(capsys)
    assert files == 4
    assert found == [
        "knowledge/giant/qna.yaml file-too-large",
        "knowledge/linked/qna.yaml unreadable",
        "knowledge/pipe/qna.yaml unreadable",
        f"{KNOWLEDGE_PATH} schema-too-few",
    ]


def test_modes_tree_and_commits_come_from_git(taxonomy: Path) -> None:
    committed(taxonomy)
    (taxonomy / SKILL_PATH).chmod(0o755)
    (taxonomy / "knowledge/link").symlink_to("/etc")
    put(taxonomy, {"knowledge/new/notes.md": b"x"})
    git(taxonomy, "commit", "-am", "run it\n\nSigned-off-by: t <t@example.org>")
    (gathered,) = lint.gather([Path()], "HEAD~1")
    assert gathered.modes == {
        SKILL_PATH: "100755",
        "knowledge/link": "120000",
        "knowledge/new/notes.md": "100644",
    }
    assert gathered.changed == set(gathered.modes)
    assert {KNOWLEDGE_PATH, "knowledge/link", "knowledge/new/notes.md"} < gathered.tree
    (commit,) = gathered.commits
    assert (commit.author_name, commit.author_email) == ("t", "t@example.org")
    assert commit.message.startswith("run it\n\nSigned-off-by: t")
    assert len(commit.sha) == 40


def test_modes_and_tree_come_from_the_disk_without_a_base(taxonomy: Path) -> None:
    (taxonomy / SKILL_PATH).chmod(0o755)
    (taxonomy / "compositional_skills/arts/link").symlink_to("/etc")
    (taxonomy / "compositional_skills/nested/.git").mkdir(parents=True)
    (gathered,) = lint.gather([Path("compositional_skills")], None)
    assert {path: mode for path, mode in gathered.modes.items() if mode != "100644"} == {
        SKILL_PATH: "100755",
        "compositional_skills/arts/link": "120000",
        "compositional_skills/nested": "160000",
    }
    assert KNOWLEDGE_PATH in gathered.tree
    assert KNOWLEDGE_PATH not in gathered.changed


def test_executable_bits_mean_nothing_where_git_says_so(taxonomy: Path) -> None:
    (taxonomy / SKILL_PATH).chmod(0o755)
    git(taxonomy, "init")
    git(taxonomy, "config", "core.fileMode", "false")
    (gathered,) = lint.gather([Path()], None)
    assert gathered.modes[SKILL_PATH] == "100644"


def test_a_name_that_is_no_utf8(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = os.fsencode(taxonomy) + b"/knowledge/science/\xff"
    os.mkdir(folder)  # noqa: PTH102
    with open(folder + b"/qna.yaml", "wb") as file:  # noqa: PTH123
        file.write(knowledge().encode() + b"x")
    assert seedbed("--format", "json") == 1
    found = judged(capsys)[1]
    assert any(one.startswith("knowledge/science/\ufffd/qna.yaml yaml-syntax") for one in found)


# Fixes


def spoiled(root: Path) -> Path:
    """The skill leaf with a space at a line's end."""
    (root / SKILL_PATH).write_text(skill().replace("painter-1", "painter-1  "))
    return root / SKILL_PATH


def test_fix_mends_in_place_and_says_so(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leaf = spoiled(taxonomy)
    leaf.chmod(0o640)
    assert seedbed("--fix", SKILL_PATH) == 0
    assert leaf.read_text() == skill()
    assert leaf.stat().st_mode & 0o777 == 0o640
    assert capsys.readouterr().out == (
        f"mended {SKILL_PATH}:2: trailing-spaces: delete the spaces\n\n1 file checked, all good.\n"
    )
    assert [file.name for file in leaf.parent.iterdir() if "part" in file.name] == []


def test_fix_reports_what_is_left(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoiled(taxonomy)
    assert seedbed("--fix", "--format", "json") == 1
    said = capsys.readouterr()
    assert [finding["rule"] for finding in json.loads(said.out)["findings"]] == ["schema-too-few"]
    assert said.err.startswith(f"mended {SKILL_PATH}:2: trailing-spaces")


def test_fix_says_what_changes_the_meaning(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (taxonomy / SKILL_PATH).write_text(skill().replace("They give shade 1.", "7"))
    assert seedbed("--fix", SKILL_PATH) == 0
    assert "schema-type" in (said := capsys.readouterr().out)
    assert "(changes the meaning: " in said
    assert "7" in (taxonomy / SKILL_PATH).read_text()


def test_fix_renames_a_misnamed_leaf(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = (taxonomy / SKILL_PATH).rename(taxonomy / SKILL_PATH.replace("qna.yaml", "qna.yml"))
    old.write_text(skill() + "\n")
    assert seedbed("--fix", str(old)) == 0
    assert not old.exists()
    assert (taxonomy / SKILL_PATH).read_text() == skill()
    assert "file-name" in capsys.readouterr().out


def test_fix_adds_a_file_but_never_over_another(
    taxonomy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = lint_fix.fix

    def adding(files: dict[str, bytes], **rest: Any) -> FixResult:
        result = real(files, **rest)
        return replace(result, files={**result.files, "knowledge/science/lamps/new.txt": b"new\n"})

    monkeypatch.setattr(lint_fix, "fix", adding)
    new = taxonomy / "knowledge/science/lamps/new.txt"
    assert seedbed("--diff", "knowledge") == 0  # the rules had no part in it
    assert "new file mode 100644\n--- /dev/null\n+++ b/knowledge/science/lamps/new.txt\n" in capsys.readouterr().out
    assert seedbed("--fix", "knowledge") == 1
    assert new.read_text() == "new\n"
    new.write_text("mine\n")
    assert seedbed("--fix", "knowledge") == 1
    assert "not mended: knowledge/science/lamps/new.txt: it is there already" in capsys.readouterr().err
    assert new.read_text() == "mine\n"


def test_diff_is_a_patch_that_git_applies(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoiled(taxonomy)
    misnamed = taxonomy / "compositional_skills/arts/two words é/qna.yml"
    put(taxonomy, tree("compositional_skills/arts/two words é/qna.yml", skill().rstrip("\n")))
    moved = taxonomy / "compositional_skills/arts/moved/QNA.yaml"
    put(taxonomy, tree("compositional_skills/arts/moved/QNA.yaml", skill()))
    committed(taxonomy)
    before = {path: path.read_bytes() for path in (taxonomy / SKILL_PATH, misnamed, moved)}
    assert seedbed("--diff") == 1
    said = capsys.readouterr()
    assert "-created_by: painter-1  \n+created_by: painter-1\n" in said.out
    assert "\\ No newline at end of file\n" in said.out
    assert said.err == "--fix would mend 4 faults.\n"
    assert {path: path.read_bytes() for path in before} == before
    (taxonomy / "patch").write_text(said.out)
    git(taxonomy, "apply", "patch")
    assert seedbed("--diff") == 0
    assert capsys.readouterr().out == ""
    assert misnamed.with_name("qna.yaml").read_text() == skill()
    assert not misnamed.exists()
    assert not moved.exists()


def test_a_file_that_changed_meanwhile_is_left_alone(
    taxonomy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leaf = spoiled(taxonomy)
    real = lint_fix.fix

    def slow(*args: object, **rest: object) -> object:
        leaf.write_text("mine: now\n")
        return real(*args, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(lint_fix, "fix", slow)
    assert seedbed("--fix", SKILL_PATH) == 1
    said = capsys.readouterr()
    assert f"not mended: {SKILL_PATH}: it changed meanwhile" in said.err
    assert "mended compositional" not in said.out
    assert leaf.read_text() == "mine: now\n"


def test_a_name_that_is_taken_is_left_alone(
    taxonomy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = (taxonomy / SKILL_PATH).rename(taxonomy / SKILL_PATH.replace("qna.yaml", "qna.yml"))
    real = lint_fix.fix

    def slow(*args: object, **rest: object) -> object:
        (taxonomy / SKILL_PATH).write_text("mine: now\n")
        return real(*args, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(lint_fix, "fix", slow)
    assert seedbed("--fix", str(old)) == 1
    assert f"{SKILL_PATH} is there already" in capsys.readouterr().err
    assert old.read_text() == skill()
    assert (taxonomy / SKILL_PATH).read_text() == "mine: now\n"


def test_a_link_is_not_written_through(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = taxonomy / "outside"
    leaf = spoiled(taxonomy)
    leaf.rename(outside)
    leaf.symlink_to(outside)
    before = outside.read_text()
    assert seedbed("--fix", SKILL_PATH) == 1
    assert outside.read_text() == before
    assert leaf.is_symlink()


def test_a_file_too_large_to_be_read_whole_is_never_cut(taxonomy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = taxonomy / "knowledge/science/big/qna.yml"
    put(taxonomy, tree("knowledge/science/big/qna.yml", b"x: 1 \n" * (LIMITS.file_bytes // 5)))
    before = old.read_bytes()
    assert seedbed("--fix", "knowledge/science/big") == 1
    left = [path for path in old.parent.iterdir() if path.name != "attribution.txt"]
    assert [path.read_bytes() for path in left] == [before]


# Outputs


def test_github_paths_are_those_of_the_checkout(
    taxonomy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(taxonomy))
    monkeypatch.chdir(taxonomy / "knowledge")
    assert seedbed("--format", "github") == 1
    assert capsys.readouterr().out.startswith(f"::error file={KNOWLEDGE_PATH},line=10,")
    assert seedbed("--format", "sarif") == 1
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == KNOWLEDGE_PATH
    assert seedbed("--format", "rdjson") == 1
    (diagnostic,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert diagnostic["location"]["path"] == KNOWLEDGE_PATH.removeprefix("knowledge/")


@pytest.mark.parametrize(
    ("terminal", "no_color", "colored"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_colours_are_for_terminals(
    taxonomy: Path,
    terminal: int,
    no_color: str,
    colored: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: bool(terminal))
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    assert seedbed() == 1
    assert ("\x1b[" in capsys.readouterr().out) == colored


def test_a_terminal_without_unicode(taxonomy: Path) -> None:
    (taxonomy / SKILL_PATH).write_text(skill(seeds=4).replace("task_description", "täsk"))
    command = [sys.executable, "-c", "from bot.cli.main import main; raise SystemExit(main(['lint']))"]
    root = str(Path(lint.__file__).parents[2])
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": root}
    done = subprocess.run(command, capture_output=True, env=environment, cwd=taxonomy)
    assert done.returncode == 1, done.stderr
    assert b"t\\xe4sk" in done.stdout


# Speed


def test_many_processes_say_what_one_says(
    taxonomy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        text = knowledge(seeds=3 + number % 3) + "\n" * (number % 4)
        put(taxonomy, tree(f"knowledge/science/leaf_{number}/qna.yaml", text, None if number % 5 else b"x"))
    seedbed("--format", "json", "--select", "all")
    alone = capsys.readouterr().out
    used: list[list[Finding]] = []
    real = lint_judge._side_by_side
    monkeypatch.setattr(lint_judge, "_MANY", 5)
    monkeypatch.setattr(lint_judge, "_cores", lambda: 3)
    monkeypatch.setattr(lint_judge, "_side_by_side", lambda *args: used.append(real(*args)) or used[-1])
    assert seedbed("--format", "json", "--select", "all") == 1
    assert capsys.readouterr().out == alone
    assert len(used) == 1


def test_lint_imports_nothing_heavy() -> None:
    code = (
        "import sys, bot.cli.lint; "
        "bad = {'torch', 'rich', 'pydantic', 'fastapi', 'jsonschema', 'dbos', 'github', 'multiprocessing', "
        "'difflib', 'subprocess', 'tempfile', 'asyncio'} & set(sys.modules); "
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
