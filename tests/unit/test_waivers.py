from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.gate import WAIVABLE
from pipeline.git import GitError, Repository
from pipeline.waivers import FOLDER, Waiver, WaiverProblem, read_waiver, read_waivers, waiver_of
from tests.unit.git_fixture import bare, commit

LEAF = "compositional_skills/linguistics/synonyms"
TODAY = date(2024, 1, 10)
GOOD = f"""waives: {LEAF}
approver: ada
reason: The old answers were wrong, and the new ones are right.
expires: 2024-02-28
"""
COMMITTED = date(2024, 1, 1)  # the day of the commits of `git_fixture`


def judge(text: str | bytes, name: str = "synonyms.yaml", today: date = TODAY) -> Waiver | WaiverProblem:
    data = text if isinstance(text, bytes) else text.encode()
    return read_waiver(f"{FOLDER}/{name}", data, merged=COMMITTED, today=today, leaves={LEAF}, checks=WAIVABLE)


def problem(text: str | bytes, today: date = TODAY) -> WaiverProblem:
    found = judge(text, today=today)
    assert isinstance(found, WaiverProblem)
    assert found.help.endswith((".", "?"))
    return found


def test_a_good_file_is_a_waiver() -> None:
    assert judge(GOOD) == Waiver(
        "synonyms",
        LEAF,
        "ada",
        "The old answers were wrong, and the new ones are right.",
        date(2024, 2, 28),
        f"{FOLDER}/synonyms.yaml",
    )


def test_a_check_can_be_waived_by_name() -> None:
    found = judge(GOOD.replace(LEAF, "drift"))
    assert isinstance(found, Waiver)
    assert (found.check_or_leaf, found.leaf) == ("drift", None)


def test_a_date_in_quotes_and_a_folded_reason_are_the_same() -> None:
    text = GOOD.replace("2024-02-28", '"2024-02-28"').replace("reason: The", "reason: >-\n  The")
    assert judge(text) == judge(GOOD)


@pytest.mark.parametrize("field", ["waives", "approver", "reason", "expires"])
def test_every_field_is_required(field: str) -> None:
    lines = [line for line in GOOD.splitlines() if not line.startswith(field)]
    found = problem("\n".join(lines))
    assert (found.field, found.message) == (field, "it is missing")
    assert field in found.help
    empty = problem(GOOD.replace(next(line for line in GOOD.splitlines() if line.startswith(field)), f"{field}:"))
    assert empty.field == field


@pytest.mark.parametrize(
    ("was", "now", "field", "message", "help"),
    [
        ("reason:", "reasons:", "reasons", "no such key", "Do you mean `reason`?"),
        ("waives:", "nonsense: 1\nwaives:", "nonsense", "no such key", "Write the keys waives, approver"),
        ("approver: ada", "approver: ada\napprover: bob", "approver", "stands twice", "Delete one."),
        (LEAF, f"{LEAF}/", "waives", "named by its folder", f"Write `waives: {LEAF}`."),
        (LEAF, f"{LEAF}/qna.yaml", "waives", "named by its folder", f"Write `waives: {LEAF}`."),
        (LEAF, f"{LEAF}s", "waives", "has no leaf", f"Do you mean `{LEAF}`?"),
        (LEAF, "knowledge/nowhere", "waives", "has no leaf", "Correct the path"),
        (LEAF, "docs/synonyms", "waives", "is no leaf's path", "knowledge"),
        (LEAF, "knowledge/../x", "waives", "is no leaf's path", "knowledge"),
        (LEAF, "safety", "waives", "no check 'safety' can be waived", "drift"),
        (LEAF, "Everything!", "waives", "neither a leaf nor a check", "whole path"),
        (LEAF, f"[{LEAF}]", "waives", "must be one leaf", "Write `waives:"),
        ("ada", "ada lovelace", "approver", "is no login", "without @"),
        ("ada", '"@ada"', "approver", "is no login", "without @"),
        ("ada", "@ada", "", "", ""),
        ("The old answers were wrong, and the new ones are right.", "ok", "reason", "it has 2 characters", "stranger"),
        ("2024-02-28", "2024-04-30", "expires", "more than 90 days after 2024-01-01", "Write 2024-03-31 or earlier"),
        ("2024-02-28", "2024-01-09", "expires", "it ended on 2024-01-09", "Remove the file, or renew it"),
        ("2024-02-28", "2024-02-30", "", "looks like a date", ""),
        ("2024-02-28", '"2024-02-30"', "expires", "is no date", "year-month-day"),
        ("2024-02-28", "2024-02-28 12:00:00", "expires", "is no date", "year-month-day"),
        ("2024-02-28", "never", "expires", "is no date", "year-month-day"),
        ("2024-02-28", "28.2.2024", "expires", "is no date", "year-month-day"),
        ("approver: ada", "approver: &a ada", "", "anchor", ""),
        ("approver: ada", "approver: !!python/object:os.system ada", "", "tag", ""),
    ],
)
def test_a_wrong_word_is_named_with_its_place_and_the_next_step(
    was: str, now: str, field: str, message: str, help: str
) -> None:
    found = problem(GOOD.replace(was, now))
    assert found.field == field
    assert message in found.message
    assert help in found.help
    assert str(found).startswith(f"{FOLDER}/synonyms.yaml:{found.line}:{found.column}: ")


def test_places_are_those_of_the_value() -> None:
    found = problem(GOOD.replace("2024-02-28", "never"))
    assert (found.line, found.column) == (4, 10)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- waives\n", "`key: value`"),
        ("waives\n", "`key: value`"),
        (b"\xff\xfe", "not UTF-8"),
        ("a: [1\n", ""),
        (f"{GOOD}---\na: 1\n", "second YAML document"),
    ],
)
def test_a_file_that_is_no_waiver_at_all(text: str | bytes, message: str) -> None:
    assert message in problem(text).message


def test_the_last_day_still_counts() -> None:
    assert isinstance(judge(GOOD, today=date(2024, 2, 28)), Waiver)
    assert "ended" in problem(GOOD, today=date(2024, 2, 29)).message


LEAF_FILE = {f"{LEAF}/qna.yaml": b"version: 3\n"}


def repository(path: Path, files: dict[str, str], day: str = "2024-01-01T00:00:00Z") -> tuple[Repository, str]:
    texts = {name: text.encode() for name, text in files.items()}
    return Repository(path), commit(bare(path), LEAF_FILE | texts, "a waiver", day=day)


def test_files_are_read_at_the_commit(tmp_path: Path) -> None:
    repo, sha = repository(tmp_path / "a.git", {f"{FOLDER}/synonyms.yaml": GOOD, f"{FOLDER}/README.md": "how\n"})
    waivers, problems = read_waivers(repo, sha, TODAY, checks=WAIVABLE)
    assert problems == ()
    assert [(waiver.name, waiver.commit) for waiver in waivers] == [("synonyms", sha)]
    later = commit(repo.path, LEAF_FILE, "removed", parents=(sha,))
    assert read_waivers(repo, later, TODAY) == ((), ())
    assert read_waivers(repo, sha, TODAY)[0] == waivers


def test_a_bad_file_waives_nothing_and_the_good_ones_hold(tmp_path: Path) -> None:
    files = {
        f"{FOLDER}/a.yaml": GOOD,
        f"{FOLDER}/b.yaml": GOOD.replace("expires", "expire"),
        f"{FOLDER}/c.yml": GOOD,
        f"{FOLDER}/deep/d.yaml": GOOD,
        f"{FOLDER}/E f.yaml": GOOD,
        f"{FOLDER}/huge.yaml": GOOD + "#" * 20_000,
        f"{FOLDER}/binary.yaml": "\x00\x01",
    }
    repo, sha = repository(tmp_path / "a.git", files)
    waivers, problems = read_waivers(repo, sha, TODAY)
    assert [waiver.name for waiver in waivers] == ["a"]
    assert [(one.path.removeprefix(f"{FOLDER}/"), one.message.split(",")[0]) for one in problems] == [
        ("E f.yaml", "the name is none of a waiver"),
        ("b.yaml", "no such key in a waiver"),
        ("binary.yaml", "the character U+0000 is not allowed in YAML"),
        ("c.yml", "the name is none of a waiver"),
        ("deep/d.yaml", "waivers lie directly in the folder"),
        ("huge.yaml", "the file has more than 16 KiB"),
    ]


def test_a_link_is_no_waiver(tmp_path: Path) -> None:
    at = bare(tmp_path / "a.git")
    sha = commit(at, LEAF_FILE, "a link", links={f"{FOLDER}/link.yaml": "../../elsewhere.yaml"})
    waivers, problems = read_waivers(Repository(at), sha, TODAY)
    assert waivers == ()
    assert "is a link" in problems[0].message


def test_the_ninety_days_count_from_the_commit_that_brought_the_file(tmp_path: Path) -> None:
    """A waiver for a year does not come to life when only 90 days of it are left."""
    repo, sha = repository(tmp_path / "a.git", {f"{FOLDER}/a.yaml": GOOD.replace("2024-02-28", "2025-01-01")})
    waivers, problems = read_waivers(repo, sha, date(2024, 12, 1))
    assert waivers == ()
    assert "more than 90 days after 2024-01-01" in problems[0].message


@pytest.mark.parametrize("day", ["@4102444800 +0000", "@999999999999 +0000", "2090-01-01T00:00:00Z"])
def test_a_commit_from_the_future_gains_nothing(tmp_path: Path, day: str) -> None:
    files = {f"{FOLDER}/a.yaml": GOOD.replace("2024-02-28", "2090-02-01")}
    repo, sha = repository(tmp_path / "a.git", files, day)
    waivers, problems = read_waivers(repo, sha, TODAY)
    assert waivers == ()
    assert f"more than 90 days after {TODAY}" in problems[0].message


def test_a_commit_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    repo, _ = repository(tmp_path / "a.git", {})
    with pytest.raises(GitError):
        read_waivers(repo, "0" * 40, TODAY)


def test_of_several_the_one_that_lasts_longest_counts() -> None:
    early, late = judge(GOOD, "a.yaml"), judge(GOOD.replace("02-28", "02-29"), "b.yaml")
    assert isinstance(early, Waiver)
    assert isinstance(late, Waiver)
    assert waiver_of([late, early], LEAF) == late
    assert waiver_of([late, early], "drift") is None
