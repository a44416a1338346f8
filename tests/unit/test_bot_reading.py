"""What the linter is told of a pull request, and by which configuration it judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.configuration import changes_configuration, configuration
from bot.forge.memory import MemoryForge
from bot.forge.port import Tree
from bot.reading import MAX_FILES, PullFiles, read_pull
from bot.settings import Settings
from bot.tokens import tokenizer_file
from validators import Commit
from validators.limits import LIMITS
from validators.paths import CONFIG_FILE

LEAF = "knowledge/geography/skerry/qna.yaml"
BESIDE = "knowledge/geography/skerry/attribution.txt"
BASE = {"README.md": b"#\n", "knowledge/arts/opera/qna.yaml": b"version: 3\n", "docs/x.md": b"x"}


class Counting(MemoryForge):
    """Counts the requests that a real forge would need, one each."""

    def __init__(self, **given: Any) -> None:
        self.asked: list[str] = []
        super().__init__(**given)

    def __getattribute__(self, name: str) -> Any:
        if name in ("pull", "changed_files", "tree", "commits", "file", "blob"):
            object.__getattribute__(self, "asked").append(name)
        return object.__getattribute__(self, name)


def read(forge: MemoryForge, number: int) -> PullFiles:
    return read_pull(forge, number, forge.pull(number).head_sha)


def test_contents_modes_tree_and_commits() -> None:
    forge = MemoryForge(files=BASE)
    stray, tool = "knowledge/geography/skerry/map.png", "tools/run.sh"
    files = {LEAF: b"version: 3\n", BESIDE: b"License: MIT\n", stray: b"\x89PNG", tool: b"#!/bin/sh\n"}
    number = forge.add_pull(files, modes={LEAF: "100755", tool: "100755"}, message="Add\n\nSigned-off-by: x <x@y>")
    found = read(forge, number)
    assert found.files == {LEAF: b"version: 3\n", BESIDE: b"License: MIT\n"}
    assert found.changed == tuple(sorted((LEAF, BESIDE, stray)))
    assert found.leaves == ("knowledge/geography/skerry",)
    assert found.change.modes == {LEAF: "100755", BESIDE: "100644", stray: "100644", tool: "100755"}
    assert found.change.tree == {LEAF, BESIDE, stray, "knowledge/arts/opera/qna.yaml"}
    head = forge.pull(number).head_sha
    who = ("contributor", "contributor@example.org")
    assert found.change.commits == (Commit(head, *who, "Add\n\nSigned-off-by: x <x@y>"),)


@pytest.mark.parametrize("mode", ["120000", "160000"])
def test_links_and_submodules_are_not_read(mode: str) -> None:
    forge = MemoryForge(files=BASE)
    number = forge.add_pull({LEAF: b"../../secret", BESIDE: b"License: MIT\n"}, modes={LEAF: mode})
    found = read(forge, number)
    assert LEAF not in found.files
    assert LEAF in found.changed
    assert found.change.modes[LEAF] == mode
    assert found.leaves == ()


def test_a_deleted_leaf_leaves_its_attribution_behind() -> None:
    forge = MemoryForge(files={**BASE, LEAF: b"version: 3\n", BESIDE: b"License: MIT\n"})
    number = forge.add_pull({LEAF: None})
    found = read(forge, number)
    assert set(found.files) == {BESIDE}
    assert found.leaves == ()
    assert BESIDE in found.change.tree
    assert LEAF not in found.change.tree


def test_a_tree_that_the_forge_cut_says_nothing_of_what_is_missing() -> None:
    class Cut(MemoryForge):
        def tree(self, commit: str) -> Tree:
            return Tree({}, complete=False)

    forge = Cut(files=BASE)
    number = forge.add_pull({LEAF: b"version: 3\n", BESIDE: b"License: MIT\n"})
    found = read(forge, number)
    assert set(found.files) == {LEAF, BESIDE} == found.change.tree
    assert found.change.modes == {}


def test_few_requests() -> None:
    forge = Counting(files=BASE)
    number = forge.add_pull({LEAF: b"version: 3\n", BESIDE: b"License: MIT\n"})
    head = forge.pull(number).head_sha
    forge.asked.clear()
    read_pull(forge, number, head)
    asked = [name for name in forge.asked if name != "pull"]
    assert sorted(asked) == ["blob", "blob", "changed_files", "commits", "tree"]


@pytest.mark.parametrize("complete", [True, False])
def test_unchanged_siblings_come_by_the_forge_up_to_a_limit(complete: bool) -> None:
    class Cut(MemoryForge):
        def tree(self, commit: str) -> Tree:
            return super().tree(commit) if complete else Tree({}, complete=False)

        def file(self, commit: str, path: str, *, limit: int) -> bytes | None:
            entry = super().tree(commit).entries[path]
            return self.blob(entry.sha, limit=limit)

    reef, huge = "knowledge/geography/reef/qna.yaml", "knowledge/geography/reef/attribution.txt"
    forge = Cut(files={**BASE, BESIDE: b"License: MIT\n", huge: b"x" * (LIMITS.file_bytes + 1)})
    number = forge.add_pull({LEAF: b"version: 3\n", reef: b"version: 3\n"})
    assert read(forge, number).files == {LEAF: b"version: 3\n", reef: b"version: 3\n", BESIDE: b"License: MIT\n"}


def test_of_too_many_files_the_first_are_read_and_the_rest_is_told() -> None:
    forge = Counting(files=BASE)
    number = forge.add_pull({f"knowledge/geography/isle_{n:03}/qna.yaml": b"v" for n in range(MAX_FILES + 5)})
    found = read(forge, number)
    (problem,) = found.problems
    assert (problem.rule, problem.level) == ("too-many-files", "error")
    assert f"{MAX_FILES + 5} leaf files" in problem.message
    assert forge.asked.count("blob") == len(found.files) == MAX_FILES


def settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(repository="seedbed/taxonomy", state_dir=tmp_path, **given)


def at_base(data: bytes | None, tmp_path: Path, **given: Any) -> Any:
    forge = MemoryForge(files=BASE if data is None else {**BASE, CONFIG_FILE: data})
    number = forge.add_pull({CONFIG_FILE: b"lint: {select: [compat]}"})
    return configuration(forge, settings(tmp_path, **given), forge.pull(number).base_sha, "ada")


def test_the_configuration_comes_from_the_base(tmp_path: Path) -> None:
    found = at_base(b"lint: {ignore: [tree], hosts: [github.com, elsewhere.example]}", tmp_path)
    assert (found.config.select, found.config.ignore, found.config.author) == (("default",), ("tree",), "ada")
    assert found.config.hosts == ("github.com",)  # the bot fetches from no other
    assert found.notes == ()


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    found = at_base(None, tmp_path, document_hosts="git.example.org", document_loopback=True)
    assert found.config.select == ("default",)
    assert found.config.hosts == ("git.example.org", "127.0.0.1", "localhost")


def test_a_broken_file_is_told_and_stops_nothing(tmp_path: Path) -> None:
    found = at_base(b"lint:\n  slect: [compat]\n", tmp_path)
    assert found.config.select == ("default",)
    (note,) = found.notes
    assert (note.rule, note.level, note.path, note.line, note.column) == ("configuration", "warning", CONFIG_FILE, 2, 3)
    assert "did you mean `select`?" in note.message


def test_a_pull_request_that_changes_the_configuration_is_told() -> None:
    (note,) = changes_configuration((CONFIG_FILE, LEAF))
    assert (note.rule, note.level, note.path) == ("configuration", "hint", CONFIG_FILE)
    assert changes_configuration((LEAF,)) == ()


def test_the_tokenizer_is_taken_from_where_the_teacher_lies(tmp_path: Path) -> None:
    assert tokenizer_file("smollm2-135m-instruct", tmp_path) is None
    for name in ("smollm2-135m-instruct-abc/tokenizer.json", ".smollm2-135m-instruct-abc.damaged/tokenizer.json"):
        (tmp_path / "models" / name).parent.mkdir(parents=True)
        (tmp_path / "models" / name).write_text("{}")
    made = tmp_path / "models" / "smollm2-135m-instruct-abc" / "tokenizer.json"
    assert tokenizer_file("SmolLM2-135M-Instruct", tmp_path) == made
    assert tokenizer_file(str(made.parent)) == made
    assert tokenizer_file("nobody/has-this-model") is None
    assert tokenizer_file("///") is None
