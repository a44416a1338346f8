"""What every forge promises, on each adapter."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bot.forge.port import (
    Action,
    Annotation,
    ChangedFile,
    Check,
    Forbidden,
    ForgeError,
    Label,
    NotFound,
    Pull,
    PullCommit,
    Review,
    Suggestion,
    TreeEntry,
)
from tests.contract.forge_bench import BASE, AppBench, ForgeBench, LocalhubBench, MemoryBench

LEAF = "compositional_skills/synonyms/qna.yaml"
MARKER = "<!-- seedbed:sticky -->"


@pytest.fixture(params=["memory", "token", "app"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ForgeBench]:
    if request.param == "memory":
        yield MemoryBench()
        return
    from bot.localhub import Hub, serve

    hub = Hub(tmp_path / "hub")
    server = serve(hub)
    try:
        yield (AppBench if request.param == "app" else LocalhubBench)(hub, server, tmp_path)
    finally:
        server.stop()
        hub.close()


def blob_sha(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()


def a_check(head_sha: str, annotations: int = 0) -> Check:
    return Check(
        name="seedbed/lint",
        head_sha=head_sha,
        external_id="seedbed/taxonomy#1",
        title="1 error",
        summary="See the lines.",
        conclusion="failure",
        annotations=tuple(
            Annotation(LEAF, n, n, "failure", f"rule {n}", f"line {n} is wrong", 1, 2 + n)
            for n in range(1, annotations + 1)
        ),
        details_url="http://127.0.0.1:8000/jobs/1",
    )


def test_knows_itself(bench: ForgeBench) -> None:
    assert bench.forge.repository == "seedbed/taxonomy"
    assert bench.forge.login == "seedbed[bot]"
    assert bench.forge.clone_url.endswith("/seedbed/taxonomy.git")
    assert "@" not in bench.forge.clone_url


def test_a_pull_request_from_opening_to_merge(bench: ForgeBench) -> None:
    forge = bench.forge
    main = forge.branch_head("main")
    before = time.time()
    number = bench.make_pull({LEAF: b"version: 2\n"}, title="Add synonyms", body="For *us*.")
    opened = forge.pull(number)
    assert (opened.number, opened.title, opened.author) == (number, "Add synonyms", "contributor")
    assert (opened.state, opened.draft, opened.merged) == ("open", False, False)
    assert (opened.base_ref, opened.base_sha, opened.merge_commit_sha) == ("main", main, None)
    assert opened.url.endswith(f"/seedbed/taxonomy/pull/{number}")
    assert (opened.body, opened.labels, opened.assignees) == ("For *us*.", (), ())
    assert (opened.head_repository, opened.editable, opened.from_fork) == ("seedbed/taxonomy", True, False)
    assert before - 2 < opened.created_at <= opened.updated_at < time.time() + 2
    assert forge.open_pulls() == [opened]
    assert forge.pull_of_commit(opened.head_sha) is None
    assert forge.pull_of_commit(main) is None

    head = bench.push_to_pull(number, {LEAF: b"version: 3\n"})
    assert head != opened.head_sha
    pushed = forge.pull(number)
    assert pushed == replace(opened, head_sha=head, updated_at=pushed.updated_at)
    assert pushed.updated_at >= opened.updated_at

    assert not forge.has_merged("contributor")
    merge = bench.merge(number)
    merged = forge.pull(number)
    assert (merged.state, merged.merged, merged.merge_commit_sha) == ("closed", True, merge)
    assert forge.branch_head("main") == merge
    assert forge.open_pulls() == []
    assert forge.pull_of_commit(merge) == merged
    assert forge.pull_of_commit(head) == merged
    assert forge.has_merged("contributor")
    assert not forge.has_merged("maintainer")
    assert not forge.has_merged("nobody-at-all")


def test_open_pull_requests_are_listed_oldest_first(bench: ForgeBench) -> None:
    numbers = [bench.make_pull({f"leaf-{n}/qna.yaml": b"version: 3\n"}) for n in range(3)]
    draft = bench.make_pull({"draft/qna.yaml": b""}, draft=True)
    bench.close(numbers[1])
    listed = bench.forge.open_pulls()
    assert [pull.number for pull in listed] == [numbers[0], numbers[2], draft]
    assert [pull.draft for pull in listed] == [False, False, True]
    assert bench.forge.pull(numbers[1]).state == "closed"
    assert not bench.forge.pull(numbers[1]).merged


def test_changed_files_say_what_happened_to_each(bench: ForgeBench) -> None:
    moved = BASE["knowledge/birds/qna.yaml"]
    assert moved is not None
    number = bench.make_pull(
        {
            LEAF: b"version: 2\n",
            "README.md": b"# Our taxonomy\n",
            "old.txt": None,
            "knowledge/birds/qna.yaml": None,
            "knowledge/animals/birds/qna.yaml": moved,
        }
    )
    assert sorted(bench.forge.changed_files(number), key=lambda file: file.path) == [
        ChangedFile("README.md", "modified", blob_sha(b"# Our taxonomy\n"), lines=((1, 1),)),
        ChangedFile(LEAF, "added", blob_sha(b"version: 2\n"), lines=((1, 1),)),
        ChangedFile("knowledge/animals/birds/qna.yaml", "renamed", blob_sha(moved), "knowledge/birds/qna.yaml"),
        ChangedFile("old.txt", "removed", None),
    ]


def test_changed_files_say_which_lines_the_diff_shows(bench: ForgeBench) -> None:
    numbered = [b"line %d" % n for n in range(1, 41)]
    number = bench.make_pull({LEAF: b"\n".join(numbered) + b"\n", "picture.bin": b"\0\1"})
    bench.merge(number)
    changed = list(numbered)
    changed[9] = b"line ten"
    changed[29:32] = []
    number = bench.make_pull({LEAF: b"\n".join(changed) + b"\n", "picture.bin": b"\0\2", "empty.txt": b""})
    lines = {file.path: file.lines for file in bench.forge.changed_files(number)}
    assert lines == {LEAF: ((7, 13), (27, 32)), "picture.bin": (), "empty.txt": ()}


def test_many_changed_files_come_complete(bench: ForgeBench) -> None:
    number = bench.make_pull({f"leaf-{n:03}/qna.yaml": b"version: %d\n" % n for n in range(130)})
    files = bench.forge.changed_files(number)
    assert {file.path for file in files} == {f"leaf-{n:03}/qna.yaml" for n in range(130)}
    assert len(files) == 130


def test_the_tree_shows_every_file_with_its_mode(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 3\n"})
    content = {"knowledge/link.txt": b"qna.yaml", "knowledge/run.sh": b"echo\n", "knowledge/atlas": b""}
    modes = {"knowledge/link.txt": "120000", "knowledge/run.sh": "100755", "knowledge/atlas": "160000"}
    head = bench.push_to_pull(number, content, modes=modes)
    tree = bench.forge.tree(head)
    assert tree.complete
    assert {path: entry.mode for path, entry in tree.entries.items()} == {
        **dict.fromkeys((*BASE, LEAF), "100644"),
        **modes,
    }
    assert tree.entries[LEAF] == TreeEntry("100644", blob_sha(b"version: 3\n"))
    assert tree.entries["knowledge/run.sh"].sha == blob_sha(b"echo\n")
    assert set(modes) <= {file.path for file in bench.forge.changed_files(number)}
    with pytest.raises(NotFound):
        bench.forge.tree("0123456789" * 4)


def test_the_commits_of_a_pull_request_come_oldest_first(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 2\n"})
    first = bench.forge.pull(number).head_sha
    signed = "Mend größe\n\nSigned-off-by: contributor <contributor@example.org>"
    second = bench.push_to_pull(number, {LEAF: b"version: 3\n"}, message=signed)
    who = ("contributor", "contributor@example.org")
    assert bench.forge.commits(number) == [PullCommit(first, *who, "Change"), PullCommit(second, *who, signed)]
    with pytest.raises(NotFound):
        bench.forge.commits(4711)


def test_a_file_at_a_commit(bench: ForgeBench) -> None:
    forge = bench.forge
    main = forge.branch_head("main")
    path = "docs/grüße & mehr.txt"
    head = bench.push_to_pull(bench.make_pull({path: "日本\n".encode()}), {"README.md": b"# New\n"})
    assert forge.file(main, "README.md", limit=100) == BASE["README.md"]
    assert forge.file(head, "README.md", limit=100) == b"# New\n"
    assert forge.file(head, path, limit=7) == "日本\n".encode()
    assert forge.file(head, path, limit=6) is None
    assert forge.file(main, path, limit=100) is None
    assert forge.file(main, "knowledge/birds", limit=100) is None


@pytest.mark.parametrize("content", [b"", b"\xff\x00binary\r\n", "größer 日本\n".encode(), b'{"size": 1}'])
def test_a_blob_comes_as_it_is(bench: ForgeBench, content: bytes) -> None:
    number = bench.make_pull({"knowledge/blob.bin": content})
    (file,) = bench.forge.changed_files(number)
    assert file.sha is not None
    assert bench.forge.blob(file.sha, limit=len(content)) == content


def test_a_blob_over_the_limit_is_none(bench: ForgeBench) -> None:
    number = bench.make_pull({"big.bin": bytes(range(256)) * 4096})
    (file,) = bench.forge.changed_files(number)
    assert file.sha is not None
    assert bench.forge.blob(file.sha, limit=2**20 - 1) is None
    content = bench.forge.blob(file.sha, limit=2**20)
    assert content is not None
    assert len(content) == 2**20


def test_what_is_not_there_is_not_found(bench: ForgeBench) -> None:
    nowhere = "0123456789" * 4
    with pytest.raises(NotFound, match="#4711"):
        bench.forge.pull(4711)
    with pytest.raises(NotFound, match=nowhere):
        bench.forge.blob(nowhere, limit=10)
    with pytest.raises(NotFound, match="no/such-branch"):
        bench.forge.branch_head("no/such-branch")
    with pytest.raises(NotFound):
        bench.forge.pull_of_commit(nowhere)
    with pytest.raises(NotFound):
        bench.forge.comment(4711, "hello")
    with pytest.raises(NotFound):
        bench.forge.react(4711, "eyes")
    with pytest.raises(ForgeError):
        bench.forge.ensure_check(a_check(nowhere))


def test_a_check_is_made_changed_and_left_alone(bench: ForgeBench) -> None:
    forge = bench.forge
    head = forge.pull(bench.make_pull({LEAF: b"version: 2\n"})).head_sha
    final = a_check(head, 3)
    key = (final.name, head, final.external_id)
    assert forge.check(*key) is None

    forge.ensure_check(replace(final, conclusion=None, title="Running", annotations=()))
    assert forge.check(*key) == "in_progress"
    forge.ensure_check(final)
    assert forge.check(*key) == "failure"
    forge.ensure_check(final)
    assert bench.check_run(*key) == final
    assert bench.check_runs(head) == 1
    assert forge.check("seedbed/preview", head, final.external_id) is None
    assert forge.check(final.name, head, "seedbed/taxonomy#2") is None

    passed = replace(final, conclusion="success", title="All good", annotations=())
    forge.ensure_check(passed)
    assert forge.check(*key) == "success"
    assert bench.check_run(*key) == passed


def test_a_check_can_run_again(bench: ForgeBench) -> None:
    head = bench.forge.pull(bench.make_pull({LEAF: b"version: 2\n"})).head_sha
    final = a_check(head, 1)
    bench.forge.ensure_check(final)
    bench.forge.ensure_check(replace(final, conclusion=None))
    assert bench.forge.check(final.name, head, final.external_id) == "in_progress"
    bench.forge.ensure_check(final)
    assert bench.check_run(final.name, head, final.external_id) == final


@pytest.mark.parametrize("count", [50, 51, 120])
def test_annotations_are_all_there_once(bench: ForgeBench, count: int) -> None:
    head = bench.forge.pull(bench.make_pull({LEAF: b"version: 2\n"})).head_sha
    check = a_check(head, count)
    bench.forge.ensure_check(check)
    bench.forge.ensure_check(check)
    assert bench.check_run(check.name, head, check.external_id) == check
    assert bench.check_runs(head) == 1


def test_annotations_are_capped_and_the_summary_says_so(bench: ForgeBench) -> None:
    head = bench.forge.pull(bench.make_pull({LEAF: b"version: 2\n"})).head_sha
    check = a_check(head, 230)
    bench.forge.ensure_check(check)
    seen = bench.check_run(check.name, head, check.external_id)
    assert list(seen.annotations) == list(check.annotations[:200])
    assert "30 more are not" in seen.summary


def test_a_long_summary_is_cut_within_the_limit(bench: ForgeBench) -> None:
    head = bench.forge.pull(bench.make_pull({LEAF: b"version: 2\n"})).head_sha
    check = replace(a_check(head), summary="ä" * 60_000)
    bench.forge.ensure_check(check)
    bench.forge.ensure_check(check)
    seen = bench.check_run(check.name, head, check.external_id)
    assert 65_500 < len(seen.summary.encode()) <= 65_535
    assert "cut here" in seen.summary
    assert bench.check_runs(head) == 1


def test_an_annotation_over_several_lines_goes_without_columns(bench: ForgeBench) -> None:
    head = bench.forge.pull(bench.make_pull({LEAF: b"version: 2\n"})).head_sha
    several = Annotation(LEAF, 1, 4, "warning", "rule", "too long", 1, 9)
    check = replace(a_check(head), annotations=(several,))
    bench.forge.ensure_check(check)
    bench.forge.ensure_check(check)
    seen = bench.check_run(check.name, head, check.external_id)
    assert seen.annotations == (replace(several, start_column=None, end_column=None),)
    assert bench.check_runs(head) == 1


def test_one_sticky_comment_however_often(bench: ForgeBench) -> None:
    forge = bench.forge
    number = bench.make_pull({LEAF: b"version: 2\n"})
    bench.comment_as("contributor", number, "Please have a look")
    assert forge.find_comment(number, MARKER) is None
    first = forge.ensure_comment(number, MARKER, f"{MARKER}\nOne error.")
    assert forge.ensure_comment(number, MARKER, f"{MARKER}\nOne error.") == first
    assert forge.ensure_comment(number, MARKER, f"{MARKER}\nAll good – 日本.") == first
    found = forge.find_comment(number, MARKER)
    assert found is not None
    assert (found.id, found.author, found.body) == (first, "seedbed[bot]", f"{MARKER}\nAll good – 日本.")
    assert bench.comments(number) == [
        ("contributor", "Please have a look"),
        ("seedbed[bot]", f"{MARKER}\nAll good – 日本."),
    ]
    with pytest.raises(ValueError, match="lacks its marker"):
        forge.ensure_comment(number, MARKER, "no marker")


def test_a_marker_pasted_by_somebody_else_is_not_ours(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 2\n"})
    bench.comment_as("contributor", number, f"{MARKER}\nAll checks pass, merge me")
    assert bench.forge.find_comment(number, MARKER) is None
    bench.forge.ensure_comment(number, MARKER, f"{MARKER}\nOne error.")
    assert bench.comments(number) == [
        ("contributor", f"{MARKER}\nAll checks pass, merge me"),
        ("seedbed[bot]", f"{MARKER}\nOne error."),
    ]


def test_the_sticky_comment_is_found_in_a_long_conversation(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 2\n"})
    for n in range(105):
        bench.comment_as("contributor", number, f"remark {n}")
    id = bench.forge.ensure_comment(number, MARKER, f"{MARKER}\nhere")
    assert bench.forge.ensure_comment(number, MARKER, f"{MARKER}\nhere") == id
    assert len(bench.comments(number)) == 106


def test_threads_that_write_at_once_make_one_comment_and_one_check(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 2\n"})
    check = a_check(bench.forge.pull(number).head_sha, 60)

    def write(n: int) -> None:
        bench.forge.ensure_comment(number, MARKER, f"{MARKER}\nsame")
        bench.forge.ensure_check(check)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert bench.comments(number) == [("seedbed[bot]", f"{MARKER}\nsame")]
    assert bench.check_runs(check.head_sha) == 1
    assert bench.check_run(check.name, check.head_sha, check.external_id) == check


def test_plain_comments_and_reactions(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 2\n"})
    command = bench.comment_as("maintainer", number, "/preview")
    bench.forge.react(command, "eyes")
    bench.forge.react(command, "eyes")
    bench.forge.react(command, "rocket")
    assert sorted(bench.reactions(command, number)) == ["eyes", "rocket"]
    ids = [bench.forge.comment(number, "Help text"), bench.forge.comment(number, "Help text")]
    assert len(set(ids)) == 2
    assert [body for _, body in bench.comments(number)] == ["/preview", "Help text", "Help text"]


def test_a_marker_that_is_only_quoted_marks_nothing(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 2\n"})
    bench.forge.comment(number, f"> {MARKER}\n\nYou wrote this.")
    assert bench.forge.find_comment(number, MARKER) is None
    with pytest.raises(ValueError, match="at its beginning"):
        bench.forge.ensure_comment(number, MARKER, f"Hello {MARKER}")


def test_only_our_own_comments_are_minimized(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 2\n"})
    ours, theirs = bench.forge.comment(number, "Old samples"), bench.comment_as("contributor", number, "Hello")
    bench.forge.minimize(ours)
    bench.forge.minimize(ours)
    assert bench.minimized(number, ours)
    with pytest.raises(Forbidden):
        bench.forge.minimize(theirs)
    assert not bench.minimized(number, theirs)
    with pytest.raises(NotFound):
        bench.forge.minimize(4711)


def test_one_review_with_suggestions(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 2\na: 1\nb: 2\n"})
    head = bench.forge.pull(number).head_sha
    theirs = bench.review_as("maintainer", number, "changes_requested", f"{MARKER} please mend")
    wanted = [
        Suggestion(LEAF, 1, 1, "```suggestion\nversion: 3\n```"),
        Suggestion(LEAF, 2, 3, "```suggestion\nab: 12\n```"),
    ]
    made = bench.forge.ensure_review(number, head, MARKER, f"{MARKER}\nTwo slips.", wanted)
    assert bench.forge.ensure_review(number, head, MARKER, f"{MARKER}\nOther words.", []) == made
    assert bench.suggestions(number, made) == wanted
    assert bench.forge.reviews(number) == [
        Review(theirs, "maintainer", "changes_requested", head, f"{MARKER} please mend"),
        Review(made, "seedbed[bot]", "commented", head, f"{MARKER}\nTwo slips."),
    ]
    with pytest.raises(ValueError, match="lacks its marker"):
        bench.forge.ensure_review(number, head, MARKER, "no marker", [])
    with pytest.raises(ForgeError):  # the diff does not show that line
        bench.forge.ensure_review(number, head, "<!-- 2 -->", "<!-- 2 -->", [Suggestion("README.md", 1, 1, "x")])
    assert len(bench.forge.reviews(number)) == 2


def test_labels_are_made_put_on_and_taken_off(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 2\n"})
    waits = Label("seedbed: author", "d4c5f9", "Waits for its author")
    skill = Label("skill", "0e8a16", "Changes a skill")
    bench.forge.ensure_labels(number, add=[waits, skill], remove=["not there"])
    assert sorted(bench.forge.pull(number).labels) == ["seedbed: author", "skill"]
    assert {name: bench.repository_labels()[name] for name in (waits.name, skill.name)} == {
        waits.name: waits,
        skill.name: skill,
    }
    bench.forge.ensure_labels(number, add=[skill], remove=[waits.name])
    bench.forge.ensure_labels(number, add=[replace(skill, name="Skill")], remove=[waits.name])
    assert bench.forge.pull(number).labels == ("skill",)
    assert bench.forge.open_pulls()[0].labels == ("skill",)
    with pytest.raises(NotFound):
        bench.forge.ensure_labels(4711, add=[skill])


def test_who_can_be_assigned_is_assigned(bench: ForgeBench) -> None:
    bench.set_permission("contributor", "read")
    number = bench.make_fork_pull({LEAF: b"version: 2\n"})
    assert not bench.forge.ensure_assignee(number, "contributor")
    assert not bench.forge.ensure_assignee(number, "nobody-at-all")
    assert bench.forge.ensure_assignee(number, "maintainer")
    assert bench.forge.ensure_assignee(number, "maintainer")
    assert bench.forge.ensure_assignee(number, "stranger")  # the author
    assert sorted(bench.forge.pull(number).assignees) == ["maintainer", "stranger"]


@pytest.mark.parametrize("fork", [False, True])
def test_a_commit_on_the_head_branch(bench: ForgeBench, fork: bool) -> None:
    files = {LEAF: b"version: 2\n", "old.txt": None, "both.txt": b"1"}
    number = bench.make_fork_pull(files) if fork else bench.make_pull(files)
    before = bench.forge.pull(number)
    message = "Mend two slips\n\nSigned-off-by: seedbed[bot] <seedbed@example.org>"
    mended = {LEAF: b"version: 3\n", "new/ä.bin": b"\xff\x00", "both.txt": None}
    made = bench.forge.commit_files(number, before.head_sha, mended, message)
    assert bench.forge.commit_files(number, before.head_sha, mended, message) == made
    after = bench.forge.pull(number)
    assert after.head_sha == made
    assert (after.head_repository, after.from_fork) == ("stranger/taxonomy" if fork else "seedbed/taxonomy", fork)
    assert {f.path: f.status for f in bench.forge.changed_files(number)} == {
        LEAF: "added", "new/ä.bin": "added", "old.txt": "removed",
    }  # fmt: skip
    assert bench.forge.file(made, "new/ä.bin", limit=10) == b"\xff\x00"
    commits = bench.forge.commits(number)
    assert [commit.sha for commit in commits] == [before.head_sha, made]
    assert commits[1].message == message
    with pytest.raises(ForgeError, match="moved on"):
        bench.forge.commit_files(number, before.head_sha, {LEAF: b"version: 4\n"}, "Another")
    assert bench.forge.pull(number).head_sha == made


def test_a_commit_keeps_the_executable_bit(bench: ForgeBench) -> None:
    number = bench.make_pull({LEAF: b"version: 2\n"})
    head = bench.push_to_pull(number, {"run.sh": b"echo\n"}, modes={"run.sh": "100755"})
    made = bench.forge.commit_files(number, head, {"run.sh": b"echo hello\n", "gone.txt": None}, "Mend")
    assert bench.forge.tree(made).entries["run.sh"] == TreeEntry("100755", blob_sha(b"echo hello\n"))


def test_where_maintainers_may_not_push_nor_may_we(bench: ForgeBench) -> None:
    number = bench.make_fork_pull({LEAF: b"version: 2\n"}, editable=False)
    pull = bench.forge.pull(number)
    assert (pull.head_repository, pull.editable, pull.from_fork) == ("stranger/taxonomy", False, True)
    with pytest.raises(Forbidden):
        bench.forge.commit_files(number, pull.head_sha, {LEAF: b"version: 3\n"}, "Mend")
    assert bench.forge.pull(number).head_sha == pull.head_sha


def test_a_fork_that_was_deleted(bench: ForgeBench) -> None:
    number = bench.make_fork_pull({LEAF: b"version: 2\n"})
    opened = bench.forge.pull(number)
    assert opened.editable
    bench.delete_fork(number)
    pull = bench.forge.pull(number)
    assert (pull.head_sha, pull.head_repository, pull.editable) == (opened.head_sha, "", False)
    with pytest.raises(Forbidden):
        bench.forge.commit_files(number, pull.head_sha, {LEAF: b"version: 3\n"}, "Mend")


def test_buttons_are_cut_to_what_a_forge_takes(bench: ForgeBench) -> None:
    head = bench.forge.pull(bench.make_pull({LEAF: b"version: 2\n"})).head_sha
    actions = tuple(Action("Preview " * 5, "Let the teacher make samples " * 3, f"preview{n}") for n in range(4))
    check = replace(a_check(head), actions=actions)
    bench.forge.ensure_check(check)
    bench.forge.ensure_check(replace(check, title="Other"))
    assert bench.forge.check(check.name, head, check.external_id) == "failure"
    with pytest.raises(ValueError, match="20 characters"):
        bench.forge.ensure_check(replace(check, actions=(Action("a", "b", "x" * 21),)))


def test_a_lost_webhook_is_found_in_the_log_and_sent_again(bench: ForgeBench) -> None:
    start = time.time()
    assert "issue_comment" not in {sent.event for sent in bench.forge.deliveries(start - 5)}
    event = bench.lose_webhook()
    (lost,) = (sent for sent in bench.forge.deliveries(start - 5) if sent.event == event)
    assert not lost.ok
    assert start - 2 < lost.at < time.time() + 2
    assert bench.forge.deliveries(time.time() + 60) == []
    bench.forge.redeliver(lost)
    deadline = time.monotonic() + 30
    while len(found := [s for s in bench.forge.deliveries(start - 5) if s.guid == lost.guid]) < 2:
        assert time.monotonic() < deadline
    assert found[1] == lost
    assert found[0].id != lost.id


def test_reads_of_several_threads(bench: ForgeBench) -> None:
    numbers = [bench.make_pull({f"leaf-{n}/qna.yaml": b"version: 3\n"}) for n in range(3)]

    def read(n: int) -> tuple[Pull, list[ChangedFile]]:
        number = numbers[n % 3]
        return bench.forge.pull(number), bench.forge.changed_files(number)

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(read, range(12)))
    assert [pull.number for pull, _ in seen] == numbers * 4
    assert [files[0].path for _, files in seen] == [f"leaf-{n}/qna.yaml" for n in range(3)] * 4


def test_an_account_that_is_no_app_says_it_by_statuses(tmp_path: Path) -> None:
    from bot.localhub import Hub, serve

    hub = Hub(tmp_path / "hub")
    server = serve(hub)
    try:
        bench = LocalhubBench(hub, server, tmp_path)
        forge = bench.forge_of(hub.add_user("robot"))
        hub.set_permission(bench.REPOSITORY, "robot", "write")
        head = forge.pull(bench.make_pull({LEAF: b"version: 2\n"})).head_sha
        check = a_check(head, 3)
        key = (check.name, head, check.external_id)
        assert forge.check(*key) is None
        forge.ensure_check(replace(check, conclusion=None))
        assert forge.check(*key) == "in_progress"
        for _ in range(2):
            forge.ensure_check(check)
        assert forge.check(*key) == "failure"
        assert bench.check_runs(head) == 0
        assert bench.statuses(head) == [
            (check.name, "failure", check.title, check.details_url),
            (check.name, "pending", check.title, check.details_url),
        ]
        assert bench.forge_of(bench.bot_token).check(*key) is None  # another account's statuses are not ours
    finally:
        server.stop()
        hub.close()


def test_an_app_acts_as_itself_and_its_token_opens_this_repository_alone(tmp_path: Path) -> None:
    from bot.localhub import Hub, serve

    hub = Hub(tmp_path / "hub")
    server = serve(hub)
    try:
        bench = AppBench(hub, server, tmp_path)
        hub.create_repository("seedbed", "other")
        assert bench.forge.login == "seedbed[bot]"
        token = bench.forge.git_token()
        assert token is not None
        bench.git_push(token, bench.REPOSITORY)
        with pytest.raises(AssertionError, match=r"403|not accessible"):
            bench.git_push(token, "seedbed/other")
    finally:
        server.stop()
        hub.close()


@pytest.mark.parametrize("level", ["read", "triage", "write", "admin"])
def test_permissions(bench: ForgeBench, level: str) -> None:
    bench.set_permission("contributor", level)  # type: ignore[arg-type]
    assert bench.forge.permission("contributor") == level
