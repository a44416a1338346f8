from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from validators import plugins

MODULE = """
from validators.registry import check, declare

RULE = declare("plugin-rule", "hint", "There is a plugin.", "plugin")

@check("file", RULE)
def here(leaf):
    yield RULE.at(leaf, leaf.top(), "the plugin spoke")
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with a distribution that brings a rule."""
    (tmp_path / "their_rules.py").write_text(MODULE)
    about = tmp_path / "their_rules-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-rules\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[seedbed.rules]\ntheirs = their_rules\n")
    return tmp_path


def test_a_rule_of_another_distribution_is_found(installed: Path) -> None:
    code = (
        f"import sys; sys.path.append({str(installed)!r})\n"
        "from validators import LintConfig, lint\n"
        "files = {'knowledge/a/b/qna.yaml': b'version: 3'}\n"
        "print([f.message for f in lint(files, config=LintConfig(select=('plugin',))).findings])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "['the plugin spoke']\n", done.stderr


def test_without_any_nothing_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other-1.0.dist-info").mkdir()
    (tmp_path / "other-1.0.dist-info/entry_points.txt").write_text("[console_scripts]\nx = y:z\n")
    (tmp_path / "empty-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "none")])
    assert plugins.plugins() == []


def test_archives_are_left_to_importlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib.zip").write_bytes(b"")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "lib.zip")])
    assert plugins._in_sight(sys.path[0])
    assert plugins.plugins() == []
