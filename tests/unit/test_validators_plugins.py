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


def test_a_broken_plugin_is_named_with_the_way_out(installed: Path) -> None:
    (installed / "their_rules.py").write_text("import no_such_module\n")
    code = (
        f"import sys; sys.path.append({str(installed)!r})\n"
        "from bot.cli.main import main\n"
        f"sys.exit(main(['lint', {str(installed)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("seedbed lint: the rules of the package 'their-rules' (their_rules) cannot be loaded")
    assert "Traceback" not in done.stderr


def test_the_rule_of_the_how_to_works_as_it_stands(installed: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "add-a-rule.md").read_text(encoding="utf-8")
    (installed / "their_rules.py").write_text(page.split("```python\n")[1].split("```")[0])
    code = (
        f"import sys; sys.path.append({str(installed)!r})\n"
        "from validators import LintConfig, lint\n"
        "import their_rules\n"
        "for side in ('bad', 'good'):\n"
        "    case = their_rules.RULE.example.case(side)\n"
        "    config = LintConfig(select=('all',), ignore=('verdict',))\n"
        "    print([f.rule for f in lint(case.files, config=config).findings])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "['harbour-short-task']\n[]\n", done.stderr
