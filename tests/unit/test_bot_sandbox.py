"""Linting behind the wall: same verdicts, and a crash or a timeout is a finding about the leaf that causes it."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot import sandbox
from bot.sandbox import Limits, SandboxError
from validators import Change, Commit, LintConfig, lint
from validators.config import parse_config
from validators.examples import ATTRIBUTION, SKILL
from validators.limits import TokenLimits
from validators.paths import CONFIG_FILE

PATH = "compositional_skills/writing/haiku/qna.yaml"
FILES = {PATH: b"version: 2\ncreated_by: ada\ntask_description: ''\nseed_examples: 3\n"}
CHANGE = Change(
    modes={PATH: "100755"},
    tree=frozenset((PATH, "compositional_skills/writing/qna.yaml")),
    commits=(Commit("a" * 40, "Ada", "ada@example.org", "Add größe"),),
)


def test_same_verdict_as_in_process() -> None:
    assert sandbox.lint(FILES, [PATH]) == lint(FILES, changed=[PATH])


def test_configuration_and_change_pass_the_wall() -> None:
    text = b"lint: {select: [all], schema: declared, levels: {executable-bit: error}, licenses: [MIT], hosts: [a.org]}"
    config = replace(parse_config(text), author="ada", token_limits=TokenLimits(question=1))
    report = sandbox.lint(FILES, [PATH], config=config, change=CHANGE)
    assert report == lint(FILES, changed=[PATH], config=config, change=CHANGE)
    assert {"executable-bit", "dco-signoff", "leaf-under-leaf"} <= {f.rule for f in report.findings}
    assert [f.level for f in report.findings if f.rule == "executable-bit"] == ["error"]


def test_fixes_pass_the_wall() -> None:
    files = {PATH: SKILL.replace("  - question", "  - question ").encode()}
    report = sandbox.lint(files, [PATH])
    assert any(finding.fix and finding.fix.edits for finding in report.findings)
    assert report == lint(files, changed=[PATH])


def test_too_slow_is_a_finding() -> None:
    report = sandbox.lint(FILES, [PATH], Limits(wall_s=0.001))
    (finding,) = report.findings
    assert (finding.rule, finding.level, finding.path) == ("cannot-judge", "error", PATH)
    assert "longer than 0.001 seconds" in finding.message
    assert finding.help


def test_too_much_memory_is_a_finding() -> None:
    files = {PATH: b"a: " + b"x" * 20_000_000}
    report = sandbox.lint(files, [PATH], Limits(memory=40 << 20))
    assert [f.rule for f in report.findings] == ["cannot-judge"]


HOSTILE = "compositional_skills/writing/hostile/qna.yaml"
CRASH = """
import sys; sys.path.insert(0, sys.argv.pop(1))
import bot.sandbox as sandbox, validators
real = validators.lint
def lint(files, **rest):
    if any(b"HOSTILE" in data for data in files.values()):
        {crash}
    return real(files, **rest)
validators.lint = lint
sandbox._child(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("crash", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", "stopped by signal 11"),
        ("raise MemoryError", "too much memory"),
        ("while True: pass", "too much processor time"),
    ],
)
def test_one_hostile_leaf_takes_no_others_verdict(crash: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_CHILD", CRASH.format(crash=crash))
    beside = HOSTILE.replace("qna.yaml", "attribution.txt")
    files = {**FILES, HOSTILE: b"HOSTILE", beside: ATTRIBUTION.encode(), CONFIG_FILE: b"lnt:\n"}
    report = sandbox.lint(files, files, Limits(cpu_s=2, leaf_s=20), change=CHANGE)
    calm = lint({**FILES, CONFIG_FILE: b"lnt:\n"}, changed=files, change=CHANGE)
    (stopped,) = [f for f in report.findings if f.path == HOSTILE]
    assert (stopped.rule, stopped.level) == ("cannot-judge", "error")
    assert words in stopped.message
    others = {(f.rule, f.path) for f in report.findings} - {(stopped.rule, stopped.path)}
    expected = {(f.rule, f.path) for f in calm.findings if f.rule != "dco-signoff"}
    assert {other for other in others if other[0] != "dco-signoff"} == expected
    assert [f.rule for f in report.findings].count("dco-signoff") == 1
    assert report.files == 2


def test_the_time_for_all_leaves_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_CHILD", "import time; time.sleep(60)")
    files = {f"compositional_skills/writing/leaf_{n}/qna.yaml": b"x" for n in range(30)}
    start = time.monotonic()
    report = sandbox.lint(files, files, Limits(wall_s=0.3, leaf_s=0.3, all_leaves_s=0.5))
    assert time.monotonic() - start < 10
    assert [f.rule for f in report.findings] == ["cannot-judge"] * 30
    assert "took all the time" in report.findings[-1].message


def test_tokens_are_counted_with_the_teachers_tokenizer(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    count = sandbox._counter(str(tmp_path / "tokenizer.json"))
    assert count is not None
    assert count("four words make four") == 4
    assert sandbox._counter(str(tmp_path / "none.json")) is None


def test_without_the_package_tokens_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert sandbox._counter("tokenizer.json") is None


def test_the_child_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_FORGE_TOKEN", "secret")
    assert "SEEDBED_FORGE_TOKEN" not in sandbox._bare_environment()


def test_a_broken_installation_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_CHILD", "raise ImportError('no validators here')")
    with pytest.raises(SandboxError, match="no validators here"):
        sandbox.lint(FILES, [PATH])


def test_a_callable_never_reaches_the_wall() -> None:
    config = LintConfig(tokens=len)
    assert sandbox.lint(FILES, [PATH], config=config).files == 1
