"""Places, other files, names, commits: what is said of the tree and of the change."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validators import Change, Commit, Finding, LintConfig, fix, lint
from validators.examples import ATTRIBUTION, GROUNDED, KNOWLEDGE, SKILL
from validators.rules.placement import proper_name

NO_CHANGE = Change()
TREE = LintConfig(select=("tree", "commits"))
MODE_RULES = {"120000": "symlink", "160000": "submodule", "100755": "executable-bit"}


def at(path: str, text: str = SKILL) -> dict[str, bytes]:
    return {path: text.encode(), path.rpartition("/")[0] + "/attribution.txt": ATTRIBUTION.encode()}


def said(files: Mapping[str, bytes], change: Change = NO_CHANGE, **config: str) -> list[Finding]:
    return list(lint(files, config=LintConfig(select=TREE.select, **config), change=change).findings)


def rules(files: Mapping[str, bytes], change: Change = NO_CHANGE) -> list[str]:
    return [finding.rule for finding in said(files, change)]


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("Ship Names", "ship_names"),
        ("gen-z", "gen_z"),
        ("Crème brûlée", "creme_brulee"),
        ("R&B", "r_and_b"),
        ("C++", "c_plus_plus"),
        (" trailing ", "trailing"),
        ("aux", "aux_"),
        ("日本", ""),
    ],
)
def test_a_folder_gets_a_name_that_fits(name: str, better: str) -> None:
    assert proper_name(name) == better
    (finding,) = said(at(f"compositional_skills/writing/{name}/qna.yaml"))
    assert finding.rule == "path-name"
    assert (f"compositional_skills/writing/{better}." in finding.help) == bool(better)


@given(st.text(max_size=300))
def test_a_proper_name_is_proper(name: str) -> None:
    better = proper_name(name)
    assert not better or (proper_name(better) == better and better.replace("_", "a").isalnum() and better.isascii())


def test_all_wrong_folders_are_told_at_once() -> None:
    (finding,) = said(at("knowledge/Old Norse/Sea-Faring/qna.yaml", KNOWLEDGE))
    assert finding.message == (
        "the folder names 'Old Norse' and 'Sea-Faring' have characters other than a-z, 0-9 and _"
    )
    assert "knowledge/old_norse/sea_faring" in finding.help


def test_a_leaf_outside_the_trees() -> None:
    assert rules(at("skills/writing/names/qna.yaml")) == ["leaf-outside-tree"]
    (finding,) = said(at("taxonomy/knowledge/geography/skerry/qna.yaml", KNOWLEDGE))
    assert finding.message == "the folder knowledge stands inside taxonomy, not at the root"
    assert rules({"qna.yaml": SKILL.encode(), "attribution.txt": ATTRIBUTION.encode()}) == ["leaf-outside-tree"]
    assert rules(at("docs/examples/skill/qna.yaml")) == []


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("compositional_skills/qna.yaml", "leaf-at-branch-root"),
        ("compositional_skills/writing/qna.yaml", "leaf-in-field-folder"),
        ("compositional_skills/writing/names/qna.yaml", None),
        ("foundational_skills/qna.yaml", None),
    ],
)
def test_a_leaf_has_a_folder_of_its_own(path: str, rule: str | None) -> None:
    assert rules(at(path)) == ([rule] if rule else [])


def test_leaves_in_each_other_are_found_from_both_sides() -> None:
    upper, lower = "compositional_skills/writing/boats/qna.yaml", "compositional_skills/writing/boats/names/qna.yaml"
    change = Change(tree=frozenset((upper, lower)))
    (below,) = said(at(lower), change)
    assert (below.rule, below.path) == ("leaf-under-leaf", lower)
    assert "compositional_skills/writing/boats" in below.message
    (above,) = said(at(upper), change)
    assert (above.rule, above.path) == ("leaf-under-leaf", upper)
    assert "compositional_skills/writing/boats/names" in above.message
    assert rules(at("compositional_skills/writing/boats_2/qna.yaml"), change) == []


def test_foundational_skills_are_closed_to_changes_only() -> None:
    files = at("foundational_skills/reasoning/riddles/qna.yaml")
    assert said(files) == []
    assert [f.rule for f in said(files, author="ada")] == ["foundational-closed"]


def test_grounded_leaves_under_grounded_and_no_others() -> None:
    bare = GROUNDED.replace("  - context: Who can lend us a ladder for the school roof?\n    question", "  - question")
    here, there = (
        "compositional_skills/writing/notices/qna.yaml",
        "compositional_skills/grounded/writing/notices/qna.yaml",
    )
    (moved,) = said(at(here, GROUNDED))
    assert moved.help.endswith("move the leaf's folder to compositional_skills/grounded/writing/notices.")
    (ungrounded,) = said(at(there))
    assert ungrounded.help.endswith("move the leaf's folder to compositional_skills/writing/notices.")
    for path in (here, there):
        (mixed,) = said(at(path, bare))
        assert mixed.rule == "grounded-path"
        assert mixed.message.startswith("1 of 5 seed examples have no context")
        assert bare.split("\n")[mixed.line - 1].strip().startswith("- question: Offer mine")
    assert rules(at(there, GROUNDED)) == rules(at(here)) == []


def test_knowledge_and_skills_in_each_others_place() -> None:
    (finding,) = said(at("compositional_skills/geography/skerry/qna.yaml", KNOWLEDGE))
    assert finding.rule == "knowledge-in-skills"
    line = KNOWLEDGE.split("\n")[finding.line - 1]
    assert line[finding.column - 1 : finding.end_column - 1] == "document"
    assert rules(at("knowledge/writing/names/qna.yaml")) == ["skill-in-knowledge"]


@pytest.mark.parametrize("mode", MODE_RULES)
@pytest.mark.parametrize("path", ["knowledge/geography/skerry/qna.yaml", "knowledge", "odd/qna.yaml"])
def test_what_is_no_plain_file(mode: str, path: str) -> None:
    report = lint({}, changed=[path], config=TREE, change=Change(modes={path: mode, "README.md": mode}))
    assert [(f.rule, f.path) for f in report.findings] == [(MODE_RULES[mode], path)]


def test_stray_files_are_judged_where_they_changed() -> None:
    leaf = at("knowledge/geography/skerry/qna.yaml", KNOWLEDGE)
    tree = frozenset((*leaf, "knowledge/geography/skerry/old.pdf", "knowledge/geography/skerry/new.pdf", "docs/x.pdf"))
    changed = [*leaf, "knowledge/geography/skerry/new.pdf", "docs/x.pdf", "knowledge/geography/skerry/gone.pdf"]
    changed.append("knowledge/geography/.gitignore")
    report = lint(leaf, changed=changed, config=TREE, change=Change(tree=tree))
    assert [(f.rule, f.path) for f in report.findings] == [("stray-file", "knowledge/geography/skerry/new.pdf")]


@pytest.mark.parametrize(
    "name", ["Attribution.md", "attributions.txt", "skerry-attribution.txt", "ATTRIBUTION", "attribution.txt "]
)
def test_an_attribution_under_another_name_is_renamed(name: str) -> None:
    folder = "knowledge/geography/skerry"
    files = {f"{folder}/qna.yaml": KNOWLEDGE.encode(), f"{folder}/{name}": ATTRIBUTION.encode()}
    assert rules(files) == ["attribution-name"]
    result = fix(files)
    assert result.renamed == {f"{folder}/{name}": f"{folder}/attribution.txt"}
    assert [finding.rule for finding in result.remaining.findings] == ["informing-only"]


def test_a_second_attribution_is_a_stray_file() -> None:
    files = at("knowledge/geography/skerry/qna.yaml", KNOWLEDGE)
    assert rules({**files, "knowledge/geography/skerry/attribution.md": b"x"}) == ["stray-file"]


def test_an_attribution_whose_leaf_is_gone() -> None:
    folder = "knowledge/geography/skerry"
    change = Change(tree=frozenset((f"{folder}/attribution.txt",)))
    report = lint({}, changed=[f"{folder}/qna.yaml"], config=TREE, change=change)
    assert [(f.rule, f.path) for f in report.findings] == [("missing-leaf", f"{folder}/attribution.txt")]
    misnamed = Change(tree=frozenset((f"{folder}/attribution.txt", f"{folder}/qna.yml")))
    assert lint({}, changed=[f"{folder}/attribution.txt"], config=TREE, change=misnamed).findings == ()
    assert lint({}, changed=[f"{folder}/qna.yaml"], config=TREE).findings == ()  # nothing is known of the tree


def test_names_that_differ_in_capitals_alone() -> None:
    files = at("knowledge/geography/skerry/qna.yaml", KNOWLEDGE)
    change = Change(
        tree=frozenset((*files, "knowledge/Geography/atoll/qna.yaml", "knowledge/geography/SKERRY/qna.yaml"))
    )
    (finding,) = said(files, change)
    assert finding.rule == "path-case"
    assert finding.message == "knowledge/geography and knowledge/Geography differ in capitals alone"


SIGNED = "Add\n\nSigned-off-by: Ada <ada@example.org>"


def commit(message: str, number: int = 1, name: str = "Ada", mail: str = "ada@example.org") -> Commit:
    return Commit(f"{number:040x}", name, mail, message)


@pytest.mark.parametrize(
    "signed",
    [
        commit(SIGNED),
        commit("Add\n\nsigned-off-by:  ADA <other@example.org>\nReviewed-by: Bo <bo@example.org>"),
        commit("Add\n\nSigned-off-by: A. L. <ADA@example.org>"),
        commit("Bump", name="dependabot[bot]"),
        commit("Merge branch 'main' into names"),
    ],
)
def test_commits_that_are_signed_off_or_need_not(signed: Commit) -> None:
    assert rules(at("compositional_skills/writing/names/qna.yaml"), Change(commits=(signed,))) == []


def test_unsigned_commits_are_told_once_with_the_commands() -> None:
    unsigned = (commit("Add"), commit(SIGNED, 2), commit("Add\n\nSigned-off-by: Bo <bo@example.org>", 3))
    (finding,) = said(at("compositional_skills/writing/names/qna.yaml"), Change(commits=unsigned))
    assert finding.message == "2 of 3 commits are not signed off by their authors (0000000, 0000000)"
    assert "`git rebase --signoff HEAD~3`" in finding.help
    assert f"hereby add my Signed-off-by to this commit: {unsigned[0].sha}" in finding.help
    (single,) = said({}, Change(commits=unsigned[:1]))
    assert "`git commit --amend --signoff --no-edit`" in single.help
    assert single.path == ""


def test_a_signed_remedy_counts_for_the_commits_that_it_names() -> None:
    plain = commit("Add")
    words = f"I, Ada <ada@example.org>, hereby add my Signed-off-by to this commit: {plain.sha}"
    assert rules({}, Change(commits=(plain, commit(f"Sign\n\n{words}\n\n{SIGNED}", 2)))) == []
    assert rules({}, Change(commits=(plain, commit(words, 2)))) == ["dco-signoff"]
