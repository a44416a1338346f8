"""What every forge promises, on each adapter."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bot.forge.port import Annotation, ChangedFile, Check, ForgeError, NotFound, PullCommit, TreeEntry
from tests.contract.forge_bench import BASE, ForgeBench, LocalhubBench, MemoryBench

LEAF = "compositional_skills/synonyms/qna.yaml"
MARKER = "<!-- seedbed:sticky -->"


@pytest.fixture(params=["memory", "localhub"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ForgeBench]:
    if request.param == "memory":
        yield MemoryBench()
        return
    from bot.localhub import Hub, serve

    hub = Hub(tmp_path / "hub")
    server = serve(hub)
    try:
        yield LocalhubBench(hub, server, tmp_path)
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
    number = bench.make_pull({LEAF: b"version: 2\n"}, title="Add synonyms")
    opened = forge.pull(number)
    assert (opened.number, opened.title, opened.author) == (number, "Add synonyms", "contributor")
    assert (opened.state, opened.draft, opened.merged) == ("open", False, False)
    assert (opened.base_ref, opened.base_sha, opened.merge_commit_sha) == ("main", main, None)
    assert opened.url.endswith(f"/seedbed/taxonomy/pull/{number}")
    assert forge.open_pulls() == [opened]
    assert forge.pull_of_commit(opened.head_sha) is None
    assert forge.pull_of_commit(main) is None

    head = bench.push_to_pull(number, {LEAF: b"version: 3\n"})
    assert head != opened.head_sha
    assert forge.pull(number) == replace(opened, head_sha=head)

    merge = bench.merge(number)
    merged = forge.pull(number)
    assert (merged.state, merged.merged, merged.merge_commit_sha) == ("closed", True, merge)
    assert forge.branch_head("main") == merge
    assert forge.open_pulls() == []
    assert forge.pull_of_commit(merge) == merged
    assert forge.pull_of_commit(head) == merged


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
        ChangedFile("README.md", "modified", blob_sha(b"# Our taxonomy\n")),
        ChangedFile(LEAF, "added", blob_sha(b"version: 2\n")),
        ChangedFile("knowledge/animals/birds/qna.yaml", "renamed", blob_sha(moved), "knowledge/birds/qna.yaml"),
        ChangedFile("old.txt", "removed", None),
    ]


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


@pytest.mark.parametrize("level", ["read", "triage", "write", "admin"])
def test_permissions(bench: ForgeBench, level: str) -> None:
    bench.set_permission("contributor", level)  # type: ignore[arg-type]
    assert bench.forge.permission("contributor") == level
