"""Linting behind the wall: same verdicts, and a crash or a timeout is a finding."""

from __future__ import annotations

import pytest

from bot import sandbox
from bot.sandbox import Limits, SandboxError
from validators import lint

PATH = "compositional_skills/writing/haiku/qna.yaml"
FILES = {PATH: b"version: 2\ncreated_by: ada\ntask_description: ''\nseed_examples: 3\n"}


def test_same_verdict_as_in_process() -> None:
    assert sandbox.lint(FILES, [PATH]) == lint(FILES, changed=[PATH])


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


def test_the_child_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_FORGE_TOKEN", "secret")
    assert "SEEDBED_FORGE_TOKEN" not in sandbox._bare_environment()


def test_a_broken_installation_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_CHILD", "raise ImportError('no validators here')")
    with pytest.raises(SandboxError, match="no validators here"):
        sandbox.lint(FILES, [PATH])
