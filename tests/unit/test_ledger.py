from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import trees
from pipeline.gate import Row
from pipeline.git import Access, Limits, Repository
from pipeline.ledger import (
    BRANCH,
    Entry,
    LedgerError,
    Recorded,
    Remote,
    catch_up,
    entries,
    history,
    leaf_files,
    read_entry,
    read_file,
    record,
)
from pipeline.statistics import Interval
from tests.building import bare_repository
from tests.unit.git_fixture import git


def entry(commit: str, build: str = "b1", text: str = "{}") -> Entry:
    return Entry(build, commit, f"Build {build}: HOLD", {"manifest.json": text.encode(), "verdict.json": b"{}"})


def files_at(repo: Repository, commit: str) -> dict[str, bytes]:
    tree = repo.tree(commit)
    blobs = repo.blobs(line.sha for line in tree.values())
    return {path: blobs[line.sha] for path, line in tree.items()}


def test_builds_are_added_and_nothing_else_moves(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    repo = Repository(tmp_path / "a.git")
    assert entries(repo.path) == []
    record(repo.path, entry(commit, "b1"))
    tip = record(repo.path, entry(commit, "b2", "[]"))
    assert entries(repo.path) == ["b1", "b2"]
    assert files_at(repo, tip)["builds/b2/manifest.json"] == b"[]"
    assert repo.resolve("main") == commit


def test_the_same_build_is_the_same_commit(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    assert bare_repository(tmp_path / "b.git") == commit
    first = record(tmp_path / "a.git", entry(commit))
    assert record(tmp_path / "b.git", entry(commit)) == first
    assert record(tmp_path / "a.git", entry(commit)) == first
    record(tmp_path / "a.git", entry(commit, "b2"))
    assert record(tmp_path / "a.git", entry(commit)) == first  # found again below later builds


def test_pushes_on_top_of_what_others_pushed(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    for name in ("b.git", "hub.git"):
        bare_repository(tmp_path / name)
    hub = Remote(str(tmp_path / "hub.git"), Access(allow_file=True))
    record(tmp_path / "a.git", entry(commit, "mine"))  # while the hub was out of reach
    record(tmp_path / "b.git", entry(commit, "theirs"), hub)
    record(tmp_path / "a.git", entry(commit, "mine"), hub)
    assert entries(tmp_path / "hub.git") == ["mine", "theirs"]
    assert Repository(tmp_path / "hub.git").resolve(BRANCH) == Repository(tmp_path / "a.git").resolve(BRANCH)


def test_a_lost_race_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = bare_repository(tmp_path / "a.git")
    for name in ("b.git", "hub.git"):
        bare_repository(tmp_path / name)
    hub = Remote(str(tmp_path / "hub.git"), Access(allow_file=True))
    push, raced = Repository.push, []

    def late(self: Repository, *arguments: object, **options: object) -> None:
        if not raced:
            raced.append(True)
            record(tmp_path / "b.git", entry(commit, "theirs"), hub)  # between our fetch and our push
        push(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Repository, "push", late)
    record(tmp_path / "a.git", entry(commit, "mine"), hub)
    assert entries(tmp_path / "hub.git") == ["mine", "theirs"]


def test_an_unreachable_remote_is_an_error_with_the_build(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    with pytest.raises(LedgerError, match="ledger entry of build b1"):
        record(tmp_path / "a.git", entry(commit), Remote(str(tmp_path / "none.git"), Access(allow_file=True)))


def full(commit: str, build: str, *, champion: str = "", verdict: str = "HOLD", score: float = 2.0) -> Entry:
    """An entry with everything that an entry may have."""
    return Entry(
        build,
        commit,
        f"Build {build}: {verdict}",
        {"manifest.json": b"{}", "verdict.json": build.encode()},
        champion=b'{"champion": "%s"}\n' % champion.encode(),
        quarantine=b'{"entries": []}\n',
        leaves={"knowledge/geo/tarn": b'{"after": %.2f}\n' % score, "compositional_skills/rhymes": b"{}\n"},
        verdict=verdict,
        parent="b0",
        mode="full",
    )


def test_the_root_tells_champion_quarantine_and_each_leaf(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    repo = Repository(tmp_path / "a.git")
    tip = record(repo.path, full(commit, "b1", champion="b1", verdict="PROMOTE"))
    assert sorted(files_at(repo, tip)) == [
        "builds/b1/manifest.json",
        "builds/b1/verdict.json",
        "champion.json",
        "leaves/compositional_skills/rhymes.json",
        "leaves/knowledge/geo/tarn.json",
        "quarantine.json",
    ]
    message = git(repo.path, "log", "-1", "--format=%B", tip)
    assert message.splitlines() == [
        "Build b1: PROMOTE",
        "",
        "Build: b1",
        f"Taxonomy: {commit}",
        "Verdict: PROMOTE",
        "Parent-Build: b0",
        "Mode: full",
    ]
    assert read_file(repo.path, "champion.json") == b'{"champion": "b1"}\n'
    assert read_file(repo.path, "nothing.json") is None


def test_what_was_recorded_is_read_back(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    first, second = full(commit, "b1"), replace(full(commit, "b2", score=1.5), leaves={"knowledge/other": b"[]"})
    for one in (first, second):
        record(tmp_path / "a.git", one)
    assert read_entry(tmp_path / "a.git", "b1") == first
    assert read_entry(tmp_path / "a.git", "b2") == second
    with pytest.raises(LedgerError, match=r"has no build 'b3'; `git log seedbed/builds` lists"):
        read_entry(tmp_path / "a.git", "b3")


def test_what_an_entry_does_not_tell_stays_as_it_is(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    repo = Repository(tmp_path / "a.git")
    record(repo.path, full(commit, "b1"))
    tip = record(repo.path, entry(commit, "b2"))
    assert "leaves/knowledge/geo/tarn.json" in files_at(repo, tip)
    gone = record(repo.path, replace(entry(commit, "b3"), leaves={}))
    assert not any(path.startswith("leaves") for path in files_at(repo, gone))
    assert "champion.json" in files_at(repo, gone)


def test_the_history_tells_the_builds_newest_first(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    repo = Repository(tmp_path / "a.git")
    assert history(repo.path) == []
    first = record(repo.path, full(commit, "b1", verdict="PROMOTE"))
    foreign = git(repo.path, "commit-tree", f"{first}^{{tree}}", "-p", first, "-m", "I was here")
    git(repo.path, "update-ref", BRANCH, foreign)
    second = record(repo.path, entry(commit, "b2"))
    assert history(repo.path) == [
        Recorded("b2", second, commit, "Build b2: HOLD", "", "", "", 1700000000),
        Recorded("b1", first, commit, "Build b1: PROMOTE", "PROMOTE", "b0", "full", 1700000000),
    ]


def test_git_log_of_one_leaf_tells_its_history(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    for number, score in enumerate((2.0, 2.0, 1.5, 1.25)):
        record(tmp_path / "a.git", full(commit, f"b{number}", score=score))
    text = git(tmp_path / "a.git", "log", "-p", "--format=%s", BRANCH, "--", "leaves/knowledge/geo/tarn.json")
    told = [line for line in text.splitlines() if line.startswith(("Build", "+{"))]
    assert told == [
        *("Build b3: HOLD", '+{"after": 1.25}'),
        *("Build b2: HOLD", '+{"after": 1.50}'),
        *("Build b0: HOLD", '+{"after": 2.00}'),
    ]


def test_git_bisect_finds_the_build_that_changed_a_score(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    for number in range(12):
        record(tmp_path / "a.git", full(commit, f"b{number}", score=2.5 if number >= 7 else 2.0))
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "-b", "seedbed/builds", tmp_path / "a.git", clone], check=True)

    def bisect(*arguments: str) -> str:
        run = subprocess.run(["git", "-C", clone, "bisect", *arguments], capture_output=True, text=True, check=True)
        return run.stdout

    bisect("start", "HEAD", git(tmp_path / "a.git", "rev-list", "--max-parents=0", BRANCH))
    said = bisect("run", "grep", "-q", "2.00", "leaves/knowledge/geo/tarn.json")
    assert "is the first bad commit" in said
    assert "Build b7: HOLD" in said


def test_a_message_cannot_be_made_to_say_more(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    record(tmp_path / "a.git", replace(entry(commit, "b1"), subject="x\n\nBuild: b9\nVerdict: PROMOTE", mode="a\nb"))
    (only,) = history(tmp_path / "a.git")
    assert (only.build_id, only.verdict, only.mode) == ("b1", "", "a b")


@pytest.mark.parametrize("build", ["", "../b1", "a/b", ".git", "b 1", "-x"])
def test_a_build_id_that_is_none_is_refused(tmp_path: Path, build: str) -> None:
    commit = bare_repository(tmp_path / "a.git")
    with pytest.raises(LedgerError, match="is no build id"):
        record(tmp_path / "a.git", entry(commit, build))
    assert entries(tmp_path / "a.git") == []


@pytest.mark.parametrize("leaf", ["../../etc", "knowledge//x", "knowledge/.git/x", "", "a\0b"])
def test_a_leaf_path_that_no_tree_holds_is_refused(tmp_path: Path, leaf: str) -> None:
    commit = bare_repository(tmp_path / "a.git")
    with pytest.raises(LedgerError, match=r"ledger entry of build b1 cannot be written: .* cannot be a path"):
        record(tmp_path / "a.git", replace(entry(commit), leaves={leaf or "/": b"{}"}))


def test_a_leaf_below_a_leaf_of_the_same_name_is_refused(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    with pytest.raises(LedgerError, match="is both a file and a folder"):
        record(tmp_path / "a.git", replace(entry(commit), leaves={"k/x": b"{}", "k/x.json/y": b"{}"}))


def test_many_leaves_and_files_of_any_bytes(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    leaves = {f"knowledge/f{number % 17}/leaf{number}": b"%d\n" % number for number in range(300)}
    odd = {"a.bin": bytes(range(256)) * 40, "empty": b"", "no-newline": b"x", "deep/er/file": b"done\n"}
    whole = replace(entry(commit), files=odd, leaves=leaves)
    record(tmp_path / "a.git", whole)
    assert read_entry(tmp_path / "a.git", "b1") == whole
    git(tmp_path / "a.git", "fsck", "--strict")


def hub_of(tmp_path: Path) -> tuple[Path, Path, Remote, str]:
    commit = bare_repository(tmp_path / "a.git")
    bare_repository(tmp_path / "hub.git")
    return tmp_path / "a.git", tmp_path / "hub.git", Remote(str(tmp_path / "hub.git"), Access(allow_file=True)), commit


def test_a_push_by_somebody_else_stays_below_ours(tmp_path: Path) -> None:
    ours, hub, remote, commit = hub_of(tmp_path)
    first = record(ours, full(commit, "b1"), remote)
    note = git(hub, "hash-object", "-w", "--stdin", stdin=b"a note\n")
    index = git(hub, "ls-tree", first) + f"\n100644 blob {note}\tNOTES.md\n"
    foreign = git(hub, "commit-tree", git(hub, "mktree", stdin=index.encode()), "-p", first, "-m", "a note")
    git(hub, "update-ref", BRANCH, foreign)
    second = record(ours, full(commit, "b2"), remote)
    assert git(hub, "rev-list", BRANCH).split() == [second, foreign, first]
    assert read_file(hub, "NOTES.md") == b"a note\n"


@pytest.mark.parametrize("name", ["builds", "leaves", "champion.json"])
def test_rubbish_in_the_place_of_ours_is_put_right(tmp_path: Path, name: str) -> None:
    ours, hub, remote, commit = hub_of(tmp_path)
    rubbish = git(hub, "hash-object", "-w", "--stdin", stdin=b"\xff\xfe")
    inner = git(hub, "mktree", stdin=f"100644 blob {rubbish}\tx\n".encode())
    kind = f"040000 tree {inner}" if name.endswith(".json") else f"100644 blob {rubbish}"
    tree = git(hub, "mktree", stdin=f"{kind}\t{name}\n".encode())
    git(hub, "update-ref", BRANCH, git(hub, "commit-tree", tree, "-m", "rubbish"))
    record(ours, full(commit, "b1", champion="b1"), remote)
    assert read_entry(hub, "b1") == full(commit, "b1", champion="b1")


def test_builds_of_an_outage_are_all_recorded_later(tmp_path: Path) -> None:
    """And what somebody pushed during it comes first."""
    ours, hub, remote, commit = hub_of(tmp_path)
    bare_repository(tmp_path / "b.git")
    record(ours, full(commit, "b1"), remote)
    for build in ("b2", "b3"):
        record(ours, full(commit, build, score=3.0))  # recorded here, and the push failed
    record(tmp_path / "b.git", entry(commit, "theirs"), remote)
    record(ours, full(commit, "b4", score=4.0), remote)
    assert [one.build_id for one in history(hub)] == ["b4", "b3", "b2", "theirs", "b1"]
    assert read_entry(hub, "b3") == full(commit, "b3", score=3.0)
    assert git(hub, "rev-parse", BRANCH) == git(ours, "rev-parse", BRANCH)


@pytest.mark.parametrize("keep", [0, 1])
def test_a_branch_that_was_deleted_or_cut_back_comes_back_whole(tmp_path: Path, keep: int) -> None:
    ours, hub, remote, commit = hub_of(tmp_path)
    commits = [record(ours, entry(commit, build), remote) for build in ("b1", "b2")]
    if keep:
        git(hub, "update-ref", BRANCH, commits[0])
    else:
        git(hub, "update-ref", "-d", BRANCH)
    record(ours, entry(commit, "b3"), remote)
    assert [one.build_id for one in history(hub)] == ["b3", "b2", "b1"]
    assert git(hub, "rev-list", BRANCH).split()[1:] == commits[::-1]


def test_a_branch_that_was_rewritten_is_refused_and_both_ways_out_work(tmp_path: Path) -> None:
    ours, hub, remote, commit = hub_of(tmp_path)
    first = record(ours, entry(commit, "b1"), remote)
    record(ours, entry(commit, "b2"), remote)
    other = git(hub, "commit-tree", f"{first}^{{tree}}", "-m", "a new history")
    git(hub, "update-ref", BRANCH, other)
    before = git(ours, "rev-parse", BRANCH)
    with pytest.raises(LedgerError, match=r"was rewritten: commit .* Nothing was written") as refused:
        record(ours, entry(commit, "b3"), remote)
    assert (git(ours, "rev-parse", BRANCH), git(hub, "rev-parse", BRANCH)) == (before, other)
    said = str(refused.value)
    back, _, accept = said.partition("To put our history back: ")[2].partition(". To accept theirs: ")
    shutil.copytree(tmp_path, tmp_path.with_name("again"))
    subprocess.run(back, shell=True, check=True, capture_output=True)
    record(ours, entry(commit, "b3"), remote)
    assert [one.build_id for one in history(hub)] == ["b3", "b2", "b1"]
    shutil.rmtree(tmp_path)
    shutil.move(tmp_path.with_name("again"), tmp_path)
    subprocess.run(accept, shell=True, check=True, capture_output=True)
    record(ours, entry(commit, "b3"), remote)
    assert [one.build_id for one in history(hub)] == ["b3"]
    assert git(hub, "rev-parse", f"{BRANCH}~1") == other


def test_another_remote_is_followed_from_scratch(tmp_path: Path) -> None:
    ours, _, remote, commit = hub_of(tmp_path)
    record(ours, entry(commit, "b1"), remote)
    bare_repository(tmp_path / "new.git")
    theirs = record(tmp_path / "new.git", entry(commit, "old"))
    record(ours, entry(commit, "b2"), Remote(str(tmp_path / "new.git"), Access(allow_file=True)))
    assert [one.build_id for one in history(tmp_path / "new.git")] == ["b2", "b1", "old"]
    assert git(tmp_path / "new.git", "rev-parse", f"{BRANCH}~2") == theirs


def test_a_state_that_was_lost_takes_over_the_ledger(tmp_path: Path) -> None:
    ours, hub, remote, commit = hub_of(tmp_path)
    record(ours, full(commit, "b1"), remote)
    bare_repository(tmp_path / "fresh.git")
    catch_up(tmp_path / "fresh.git", remote)
    assert read_entry(tmp_path / "fresh.git", "b1") == full(commit, "b1")
    bare_repository(tmp_path / "bare.git")
    catch_up(tmp_path / "fresh.git", Remote(str(tmp_path / "bare.git"), Access(allow_file=True)))  # no ledger there yet
    assert entries(tmp_path / "fresh.git") == ["b1"]
    with pytest.raises(LedgerError, match="could not be read"):
        catch_up(tmp_path / "fresh.git", Remote(str(tmp_path / "none.git"), Access(allow_file=True)))
    git(hub, "update-ref", "-d", BRANCH)
    catch_up(ours, remote)
    assert entries(ours) == ["b1"]


def test_two_builds_at_once_are_both_recorded(tmp_path: Path) -> None:
    """Two threads on one mirror, and two mirrors on one hub."""
    ours, hub, remote, commit = hub_of(tmp_path)
    bare_repository(tmp_path / "b.git")
    builds = [(path, f"{path.stem}{number}") for number in range(2) for path in (ours, tmp_path / "b.git")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda build: record(build[0], full(commit, build[1]), remote), builds))
    assert entries(hub) == ["a0", "a1", "b0", "b1"]
    assert git(hub, "rev-list", "--count", "--merges", BRANCH) == "0"


def test_a_full_disk_is_a_ledger_error_and_moves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = bare_repository(tmp_path / "a.git")
    record(tmp_path / "a.git", entry(commit, "b1"))
    before = git(tmp_path / "a.git", "rev-parse", BRANCH)
    whole = trees.run

    def full_disk(arguments: list[str], **options: Any) -> bytes:
        return whole(arguments, **options, limits=Limits(file_bytes=0))

    monkeypatch.setattr(trees, "run", full_disk)
    with pytest.raises(LedgerError, match="ledger entry of build b2 could not be written"):
        record(tmp_path / "a.git", entry(commit, "b2", "other"))
    assert git(tmp_path / "a.git", "rev-parse", BRANCH) == before


def test_a_damaged_repository_is_said(tmp_path: Path) -> None:
    commit = bare_repository(tmp_path / "a.git")
    shutil.rmtree(tmp_path / "a.git" / "objects")
    with pytest.raises(LedgerError, match="ledger entry of build b1"):
        record(tmp_path / "a.git", entry(commit))


def test_leaf_files_tell_scores_and_not_the_build() -> None:
    row = Row("knowledge/a", "heldout", 6, 2.0, 1.5, Interval(-0.5, -0.6, -0.4), 0.1, 0.2, choices=4, right_after=3)
    general = replace(row, suite="general", group="facts")
    files = leaf_files([row, general])
    assert list(files) == ["knowledge/a"]
    assert json.loads(files["knowledge/a"]) == {
        "leaf": "knowledge/a",
        "items": 6,
        "before": 2.0,
        "after": 1.5,
        "change": {"mean": -0.5, "low": -0.6, "high": -0.4},
        "choices_right": {"of": 4, "before": 0, "after": 3},
    }
