"""Documents over real git HTTP: by commit, bounded, and every refusal in words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipeline.documents import Document, Reach, Unreachable, fetch, mirror, texts
from pipeline.git import Repository
from pipeline.reading import pdf
from tests.integration.git_server import GitServer, git_server
from tests.unit.git_fixture import bare, commit, git
from tests.unit.pdf_fixture import handbook
from validators import DocumentRef

NOISE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(1 << 17))  # 4 MiB that do not deflate


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="module")
def repository(server: GitServer) -> Path:
    return made(server, "doc.git", {"guide.md": b"# Guide\n\nThe clock.\n", "book.pdf": handbook(), "old.md": b"x"})


def made(server: GitServer, name: str, files: dict[str, bytes]) -> Path:
    path = bare(server.root / name)
    git(path, "config", "uploadpack.allowFilter", "true")
    commit(path, files, "docs")
    return path


def head(path: Path) -> str:
    return git(path, "rev-parse", "main")


def read(server: GitServer, cache: Path, path: Path, *patterns: str, sha: str = "") -> Document | Unreachable:
    ref = DocumentRef(f"{server.url}/{path.name}", sha or head(path), patterns or ("*",))
    return fetch(ref, cache=cache, reach=Reach(loopback=True))


def reason(found: Document | Unreachable) -> str:
    assert isinstance(found, Unreachable)
    return found.reason


def test_markdown_and_pdf_are_read_and_nothing_is_checked_out(
    server: GitServer, repository: Path, tmp_path: Path
) -> None:
    found = read(server, tmp_path, repository, "guide.md", "*.pdf")
    assert isinstance(found, Document)
    assert [(file.path, file.reader) for file in found.files] == [("book.pdf", pdf.reader()), ("guide.md", "")]
    assert found.files[0].text.startswith("The Bird Book\n\n# Chapter 1\n")
    assert found.note == ""
    [folder] = tmp_path.glob("*.git")
    assert not list(folder.rglob("*.md"))
    assert not (folder / "refs" / "heads").exists() or not list((folder / "refs" / "heads").iterdir())


def test_another_version_of_the_reader_is_another_document(
    server: GitServer, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(server, tmp_path, repository, "*.pdf")
    monkeypatch.setattr(pdf, "RULES", pdf.RULES + 1)
    after = read(server, tmp_path, repository, "*.pdf")
    assert isinstance(before, Document)
    assert isinstance(after, Document)
    assert before.files[0].digest == after.files[0].digest
    assert before.digest != after.digest


def test_a_commit_that_the_host_does_not_have_is_said(server: GitServer, repository: Path, tmp_path: Path) -> None:
    missing = "ab" * 20
    told = reason(read(server, tmp_path, repository, sha=missing))
    assert f"has no commit {missing}" in told
    assert "Name a commit" in told
    assert list(tmp_path.glob("*.git")) == []


def test_a_tag_or_a_tree_is_no_commit(server: GitServer, repository: Path, tmp_path: Path) -> None:
    git(repository, "tag", "-f", "-a", "-m", "a tag", "v1", "main")
    for name in ("v1", "main^{tree}"):
        sha = git(repository, "rev-parse", name)
        assert f"{sha} is no commit" in reason(read(server, tmp_path, repository, sha=sha))


def test_a_repository_that_is_not_there_is_said(server: GitServer, tmp_path: Path) -> None:
    told = reason(read(server, tmp_path, server.root / "absent.git", sha="ab" * 20))
    assert told == f"{server.url}/absent.git is no public repository"


def test_a_host_that_is_away_is_said(tmp_path: Path) -> None:
    ref = DocumentRef("http://127.0.0.1:9/doc.git", "ab" * 20, ("*",))
    assert "cannot be reached at the moment" in reason(fetch(ref, cache=tmp_path, reach=Reach(loopback=True)))


def test_a_large_pdf_is_asked_for_alone_and_a_huge_one_once(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "MAX_BYTES", 3 << 20)
    large = handbook() + NOISE[: 2 << 20]  # what stands after its end is no part of a PDF
    path = made(server, "large.git", {"a.md": b"Text.", "huge.pdf": handbook() + NOISE, "large.pdf": large})
    found = read(server, tmp_path, path)
    assert isinstance(found, Document)
    assert [file.path for file in found.files] == ["a.md", "large.pdf"]
    assert found.note == "huge.pdf: too large to read: more than 3 MiB"
    server.asked.clear()
    assert read(server, tmp_path, path) == found
    assert server.asked == []


def test_many_large_files_are_not_asked_for(server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MAX_LARGE_FILES", 2)
    monkeypatch.setattr(texts, "_NOTED", 3)
    many = {f"{n}.pdf": NOISE[n : n + mirror.MAX_BLOB_BYTES + 1] for n in range(4)}
    path = made(server, "many.git", many)
    told = reason(read(server, tmp_path, path))
    assert "0.pdf: it is no PDF that can be read" in told
    assert "2.pdf: a document is read up to 2 files of more than 1 MiB" in told
    assert told.endswith("and 1 more that could not be read")
    [folder] = tmp_path.glob("*.git")
    assert sum(size > mirror.MAX_BLOB_BYTES for size in Repository(folder).present().values()) == 2


def test_a_commit_with_too_many_bytes_is_given_up(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "MAX_PACK_BYTES", 2 << 20)
    small = {f"{n}.bin": NOISE[n * 900_000 : (n + 1) * 900_000] for n in range(4)}
    path = made(server, "heavy.git", {**small, "a.md": b"Text."})
    assert "is too large at this commit: more than 2 MiB" in reason(read(server, tmp_path, path))
    assert list(tmp_path.glob("*.git*")) == []


def test_a_host_that_does_not_filter_is_held_to_the_same_sizes(server: GitServer, tmp_path: Path) -> None:
    path = made(server, "unfiltered.git", {"a.md": b"Text.", "zeros.md": bytes(40 << 20)})
    git(path, "config", "uploadpack.allowFilter", "false")
    found = read(server, tmp_path, path)
    assert isinstance(found, Document)
    assert found.note == "zeros.md: too large to read: more than 1 MiB"


def test_a_slow_host_is_given_up(
    server: GitServer, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "FETCH_SECONDS", 0.001)
    assert "did not come within 0.001 s" in reason(read(server, tmp_path, repository))


def test_pieces_of_a_document_are_the_same_wherever_they_are_read(
    server: GitServer, repository: Path, tmp_path: Path
) -> None:
    get = partial(read, server, path=repository)
    assert get(tmp_path / "one") == get(tmp_path / "two")
