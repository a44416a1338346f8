"""Reading a taxonomy out of git, and what git is never allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.git import Access, GitError, Limits, environment, run
from pipeline.taxonomy import Repository, leaf_paths, origin_of, pull_number, read_leaves
from tests.unit.git_fixture import bare, commit

QNA = b"""version: 2
created_by: ada
task_description: Say what a tool is for
seed_examples:
  - question: What is a rasp for?
    answer: A rasp is for shaping wood.
  - question: What is an awl for?
    answer: An awl is for piercing leather.
  - question: What is a froe for?
    answer: A froe is for splitting shingles.
  - question: What is an adze for?
    answer: An adze is for hollowing bowls.
  - question: What is a burin for?
    answer: A burin is for engraving copper.
"""
ATTRIBUTION = (
    b"Title of work: Own words\nLink to work: -\nRevision: -\nLicense of the work: CC0-1.0\nCreator names: Ada\n"
)
TOOLS = {
    "compositional_skills/crafts/tools/qna.yaml": QNA,
    "compositional_skills/crafts/tools/attribution.txt": ATTRIBUTION,
}
LEAF = "compositional_skills/crafts/tools"


def test_leaves_are_read_and_the_rest_is_skipped_with_its_reason(tmp_path: Path) -> None:
    other = {name.replace("compositional", "foundational"): content for name, content in TOOLS.items()}
    files = {
        **TOOLS,
        **other,
        "README.md": b"hello",
        "docs/example/qna.yaml": QNA,
        "knowledge/broken/qna.yaml": b"version: 3\nseed_examples: [",
        "knowledge/huge/qna.yaml": b"#" * 1_000_001,
    }
    sha = commit(bare(tmp_path / "t.git"), files, "first", links={"knowledge/link/qna.yaml": "/etc/passwd"})
    snapshot = read_leaves(Repository(tmp_path / "t.git"), sha)
    assert [leaf.path for leaf in snapshot.leaves] == [LEAF, LEAF.replace("compositional", "foundational")]
    assert snapshot.leaves[0].kind == "freeform"
    assert snapshot.leaves[0].attribution == ATTRIBUTION.decode()
    skipped = dict(snapshot.skipped)
    assert sorted(skipped) == [f"knowledge/{name}/qna.yaml" for name in ("broken", "huge", "link")]
    assert "1,000,001 bytes" in skipped["knowledge/huge/qna.yaml"]
    assert "link" in skipped["knowledge/link/qna.yaml"]
    assert skipped["knowledge/broken/qna.yaml"]


def test_tree_blobs_and_resolve(tmp_path: Path) -> None:
    path = bare(tmp_path / "t.git")
    sha = commit(path, {"a/ü b.txt": b"one\n\ntwo", "empty": b""}, "first")
    repo = Repository(path)
    assert repo.resolve("main") == sha
    tree = repo.tree(sha)
    assert sorted(tree) == ["a/ü b.txt", "empty"]
    assert (tree["a/ü b.txt"].mode, tree["a/ü b.txt"].size) == ("100644", 8)
    blobs = repo.blobs([*(entry.sha for entry in tree.values()), "0" * 40])
    assert blobs == {tree["a/ü b.txt"].sha: b"one\n\ntwo", tree["empty"].sha: b""}
    assert leaf_paths(tree) == []
    for bad in ("nothing", "--help", sha[:-1] + "g"):
        with pytest.raises(GitError, match="is not a commit"):
            repo.resolve(bad)


def test_the_origin_is_the_merge_and_the_author_the_contributor(tmp_path: Path) -> None:
    path = bare(tmp_path / "t.git")
    root = commit(path, {"README.md": b"x"}, "first")
    side = commit(path, {"README.md": b"x", **TOOLS}, "Add tools", parents=(root,), branch="topic", author="Wren")
    files = {"README.md": b"x", **TOOLS}
    merge = commit(path, files, "Merge pull request #42 from wren/topic", parents=(root, side), author="Maintainer")
    last = commit(path, {**files, "README.md": b"y"}, "Unrelated", parents=(merge,))
    repo = Repository(path)
    assert origin_of(repo, last, LEAF) == (merge, "Wren", "Merge pull request #42 from wren/topic")
    with pytest.raises(GitError, match="touches knowledge"):
        origin_of(repo, last, "knowledge/none")


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("Merge pull request #42 from a/b", 42),
        ("Add birds (#7)", 7),
        ("Revert (#7) for now", None),
        ("Fixes #9", None),
        ("Merge branch 'main'", None),
    ],
)
def test_pull_number(subject: str, number: int | None) -> None:
    assert pull_number(subject) == number


def test_fetch_takes_a_local_folder_only_when_told(tmp_path: Path) -> None:
    source = bare(tmp_path / "source.git")
    sha = commit(source, TOOLS, "first")
    mirror = Repository(tmp_path / "mirror.git").init()
    with pytest.raises(ValueError, match="use https"):
        mirror.fetch(str(source), ["+refs/heads/*:refs/heads/*"])
    mirror.fetch(str(source), ["+refs/heads/*:refs/heads/*"], access=Access(allow_file=True))
    mirror.init()  # again is harmless
    assert mirror.resolve("main") == sha


@pytest.mark.parametrize(
    "url",
    ["http://example.org/a.git", "ext::sh -c id", "ssh://example.org/a", "git@example.org:a", "-u/x", "file:///etc"],
)
def test_other_transports_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="use https"):
        Repository(tmp_path).fetch(url, ["main"])


def test_names_in_urls_and_options_as_refs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name or password"):
        Repository(tmp_path).fetch("https://user:secret@example.org/a", ["main"])
    with pytest.raises(ValueError, match="not a ref"):
        Repository(tmp_path).fetch("https://example.org/a", ["--upload-pack=id"])


def test_the_environment_is_closed_and_hides_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "evil")
    monkeypatch.setenv("SECRET", "value")
    env = environment("https", {"http.https://example.org/.extraHeader": "Authorization: Basic abc"})
    assert "GIT_SSH_COMMAND" not in env
    assert "SECRET" not in env
    assert env["GIT_ALLOW_PROTOCOL"] == "https"
    settings = {env[f"GIT_CONFIG_KEY_{n}"]: env[f"GIT_CONFIG_VALUE_{n}"] for n in range(int(env["GIT_CONFIG_COUNT"]))}
    assert settings["core.hooksPath"] == "/dev/null"
    assert settings["http.followRedirects"] == settings["core.fsmonitor"] == "false"
    assert settings["transfer.fsckObjects"] == "true"
    assert (env["GIT_CONFIG_NOSYSTEM"], env["GIT_CONFIG_GLOBAL"], env["GIT_TERMINAL_PROMPT"]) == ("1", "/dev/null", "0")
    assert (env["GIT_LFS_SKIP_SMUDGE"], env["GIT_NO_LAZY_FETCH"], env["HOME"]) == ("1", "1", "/nonexistent")
    assert settings["http.https://example.org/.extraHeader"] == "Authorization: Basic abc"
    assert "s3cret" not in repr(Access(token="s3cret"))


def test_a_slow_git_is_killed_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(GitError, match=r"took longer than 0\.2 s"):
        run(["-c", "alias.wait=!sleep 60", "wait"], limits=Limits(seconds=0.2))


def test_what_git_writes_is_bounded(tmp_path: Path) -> None:
    repo = Repository(tmp_path / "t.git").init()
    run(["hash-object", "-w", "--stdin"], at=repo.path, stdin=os_random(1000), limits=Limits(file_bytes=8192))
    with pytest.raises(GitError):
        run(["hash-object", "-w", "--stdin"], at=repo.path, stdin=os_random(100_000), limits=Limits(file_bytes=8192))


def os_random(size: int) -> bytes:
    """Bytes that do not compress, always the same."""
    import random

    return random.Random(1).randbytes(size)
