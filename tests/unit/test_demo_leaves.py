"""What the demo contributes, and what the template shows, is right; the two faults are the two that are meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.demo import leaves
from bot.demo.leaves import DemoLeaf, LeafFolderError
from bot.demo.story import RECIPE
from bot.demo.template import taxonomy_template
from pipeline.recipe import load_recipe
from validators import LintConfig, Report, lint

SERVED_HERE = LintConfig(hosts=("127.0.0.1",))  # as the demo's bot, which fetches from this machine
BUNDLED = leaves.bundled("http://127.0.0.1:8790/tarn/handbook.git", "a" * 40)


def test_the_demo_tunes_as_a_small_installation_does() -> None:
    default = load_recipe()
    assert load_recipe(str(RECIPE)) == replace(default, name="demo", general_items=160)


def complaints(report: Report) -> list[str]:
    """What must or should be mended. Hints are a matter of taste: `tool_purpose` asks all its questions alike."""
    return sorted(finding.rule for finding in report.findings if finding.level != "hint")


@pytest.mark.parametrize("leaf", BUNDLED, ids=lambda leaf: leaf.path)
def test_a_bundled_leaf_has_no_finding(leaf: DemoLeaf) -> None:
    assert complaints(lint(leaf.tree(), config=SERVED_HERE)) == []


def test_one_leaf_of_each_kind_is_bundled_and_points_to_the_handbook_that_is_served() -> None:
    assert [leaf.path.split("/")[0] for leaf in BUNDLED] == [
        "knowledge",
        "compositional_skills",
        "compositional_skills",
    ]
    text = BUNDLED[0].files["qna.yaml"].decode()
    assert "repo: http://127.0.0.1:8790/tarn/handbook.git" in text
    assert f'commit: "{"a" * 40}"' in text
    assert "seedbed demo" not in text


@pytest.mark.parametrize("leaf", BUNDLED, ids=lambda leaf: leaf.path)
def test_the_two_faults_are_found_and_no_other(leaf: DemoLeaf) -> None:
    files = {path: content for path, content in leaf.with_faults().items() if content is not None}
    assert complaints(lint(files, config=SERVED_HERE)) == [
        "attribution-missing",
        "trailing-spaces",
    ]


def test_a_users_leaf_is_placed_by_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "taxonomy" / "knowledge" / "arts" / "my_topic"
    folder.mkdir(parents=True)
    (folder / "qna.yaml").write_text("version: 3\n")
    (leaf,) = leaves.read([folder])
    assert (leaf.path, leaf.branch, set(leaf.files)) == ("knowledge/arts/my_topic", "add-my-topic", {"qna.yaml"})


def test_a_folder_that_is_no_leaf_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(LeafFolderError, match=r"holds no qna\.yaml"):
        leaves.read([tmp_path])
    (tmp_path / "qna.yaml").write_text("version: 3\n")
    with pytest.raises(LeafFolderError, match="its place in a taxonomy is unknown"):
        leaves.read([tmp_path])


def test_the_templates_examples_have_no_finding() -> None:
    examples = taxonomy_template() / "docs" / "examples"
    files = {
        f"{branch}/examples/an_example/{path.name}": path.read_bytes()
        for branch, folder in (("knowledge", "knowledge"), ("compositional_skills", "compositional_skill"))
        for path in (examples / folder).iterdir()
    }
    assert len(files) == 4
    assert complaints(lint(files)) == []
