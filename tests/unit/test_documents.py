"""Documents: which hosts, which files, which sizes, and what the contributor is told."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.documents import Document, Reach, Unreachable, address, check_url, fetch, glob_match
from pipeline.documents.mirror import MAX_BLOB_BYTES, make_room
from pipeline.git import Access, Repository
from tests.unit.git_fixture import bare, commit, git
from validators import DocumentRef

COMMIT = "ab" * 20
FILES = {
    "guide.md": "# Guide\n\nThe clock é.\n".encode(),
    "deep/er/notes.txt": b"Deep notes.",
    "deep/page.html": b"<p>",
    "deep/plan.pdf": b"%PDF-1.7",
    "big.md": b"x" * (MAX_BLOB_BYTES + 1),
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """(URL, commit, folder) of a document repository on a loopback server that speaks git's plain-file protocol."""
    root = tmp_path_factory.mktemp("served")
    path = bare(root / "doc.git")
    sha = commit(path, FILES, "docs", links={"link.md": "/etc/passwd"})
    git(path, "config", "uploadpack.allowFilter", "true")
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Quiet(*args, directory=str(root)))  # type: ignore[arg-type]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/doc.git", sha, path
    server.shutdown()
    server.server_close()


@pytest.fixture
def mirrored(served: tuple[str, str, Path], monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The served repository, with every fetch of its URL led to its folder: the same git without smart HTTP."""
    url, sha, path = served
    real = Repository.fetch

    def local(self: Repository, asked: str, refs: Sequence[str], **more: Any) -> None:
        assert asked == url
        real(self, path.as_uri(), refs, **{**more, "access": Access(allow_file=True)})

    monkeypatch.setattr(Repository, "fetch", local)
    return url, sha


def ref(repo: str, commit: str = COMMIT, *patterns: str) -> DocumentRef:
    return DocumentRef(repo, commit, patterns or ("*.md",))


def reason(found: Document | Unreachable) -> str:
    assert isinstance(found, Unreachable)
    return found.reason


def test_texts_that_match_are_read_and_the_rest_is_noted(
    mirrored: tuple[str, str], served: tuple[str, str, Path], tmp_path: Path
) -> None:
    url, sha = mirrored
    found = fetch(ref(url, sha, "**/*"), cache=tmp_path, reach=Reach(loopback=True))
    assert isinstance(found, Document)
    assert {file.path: file.text for file in found.files} == {
        "deep/er/notes.txt": "Deep notes.",
        "guide.md": "# Guide\n\nThe clock é.\n",
    }
    assert "big.md: too large" in found.note
    assert "deep/page.html: only .md, .txt, .pdf are read" in found.note
    assert "deep/plan.pdf: it is no PDF that can be read" in found.note
    assert [path for path, _ in found.unread] == ["big.md", "deep/page.html", "deep/plan.pdf"]
    assert "link.md" not in found.note
    big = git(served[2], "rev-parse", f"{sha}:big.md")
    [mirror] = tmp_path.glob("*.git")
    assert big not in Repository(mirror).present(), "a blob over the limit was fetched"
    assert fetch(ref(url, sha, "guide.md"), cache=tmp_path, reach=Reach(loopback=True)).digest != found.digest  # type: ignore[union-attr]


def test_a_document_without_readable_text_is_unreachable(mirrored: tuple[str, str], tmp_path: Path) -> None:
    url, sha = mirrored
    reach = Reach(loopback=True)
    assert "only .md, .txt, .pdf" in reason(fetch(ref(url, sha, "deep/*.html"), cache=tmp_path, reach=reach))
    assert "matches ['absent.md']" in reason(fetch(ref(url, sha, "absent.md"), cache=tmp_path, reach=reach))


def test_a_commit_fetched_before_is_not_fetched_again(
    mirrored: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, sha = mirrored
    first = fetch(ref(url, sha), cache=tmp_path, reach=Reach(loopback=True))
    monkeypatch.setattr(Repository, "fetch", None)
    assert fetch(ref(url, sha), cache=tmp_path, reach=Reach(loopback=True)) == first


def test_an_unreachable_document_leaves_no_cache(served: tuple[str, str, Path], tmp_path: Path) -> None:
    url, _, _ = served
    missing = url.replace("doc.git", "absent.git")
    assert "is no public repository" in reason(fetch(ref(missing), cache=tmp_path, reach=Reach(loopback=True)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://github.com/a/b", "https URL"),
        ("file:///etc/passwd", "https URL"),
        ("ext::sh -c id", "https URL"),
        ("git@github.com:a/b", "https URL"),
        ("https://example.org/a/b", "not from example.org"),
        ("https://github.com.evil.org/a", "not from github.com.evil.org"),
        ("https://127.0.0.1/a", "not from 127.0.0.1"),
        ("https://user@github.com/a", "plain https"),
        ("https://github.com:8443/a", "plain https"),
        ("https://github.com/a?b", "plain https"),
        ("https://github.com/a#b", "plain https"),
        ("https://github.com/", "plain https"),
        ("http://127.0.0.1:80/a", "https URL"),
    ],
)
def test_a_url_that_is_not_plain_and_allowed_is_refused(url: str, word: str, tmp_path: Path) -> None:
    assert word in reason(fetch(ref(url), cache=tmp_path))


def test_a_disk_that_takes_nothing_is_said(mirrored: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    found = fetch(ref(*mirrored), cache=tmp_path / "file", reach=Reach(loopback=True))
    assert "could not be kept here" in reason(found)


@pytest.mark.parametrize("commit_name", ["main", "", "a" * 39, "A" * 40, "--upload-pack=x"])
def test_only_a_full_commit_name_will_do(commit_name: str, tmp_path: Path) -> None:
    assert "40 hexadecimal digits" in reason(fetch(ref("https://github.com/a/b", commit_name), cache=tmp_path))


@pytest.mark.parametrize(
    "inner",
    [
        *("127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1", "::ffff:192.168.0.1", "0.0.0.0", "224.0.0.1"),
        *("64:ff9b::a9fe:a9fe", "2002:7f00:1::1"),  # IPv4 inside IPv6
    ],
)
def test_an_allowed_name_with_a_private_address_is_refused(inner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(0, 0, 0, "", (text, 443)) for text in ("140.82.112.3", inner)]
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: answers)
    with pytest.raises(ValueError, match="not public"):
        check_url("https://github.com/a/b", Reach())
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: answers[:1])
    pinned = check_url("https://github.com/a/b", Reach())
    assert pinned == {"http.curloptResolve": "github.com:443:140.82.112.3"}


def test_what_was_fetched_before_needs_no_network_but_still_an_allowed_host(
    mirrored: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, sha = mirrored
    assert isinstance(fetch(ref(url, sha), cache=tmp_path, reach=Reach(loopback=True)), Document)
    monkeypatch.setattr(Repository, "fetch", None)
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert "https URL" in reason(fetch(ref(url, sha), cache=tmp_path))
    assert isinstance(fetch(ref(url, sha), cache=tmp_path, reach=Reach(loopback=True)), Document)


def test_the_cache_stays_within_its_size_and_keeps_what_is_in_use(tmp_path: Path) -> None:
    for number, age in enumerate((3, 2, 1, 0)):
        folder = tmp_path / f"{number}.git"
        folder.mkdir()
        (folder / "a.pack").write_bytes(bytes(1000))
        then = time.time() - age * 7200
        os.utime(folder, (then, then))
    stale = tmp_path / "9.git.partial-x"
    stale.mkdir()
    os.utime(stale, (0, 0))
    make_room(tmp_path, most=2500)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.git", "3.git"]
    make_room(tmp_path, most=0)
    assert [path.name for path in tmp_path.iterdir()] == ["3.git"], "a job may be reading it"


class Canary(SimpleHTTPRequestHandler):
    """Sends every visitor from /lure on to /inner, and remembers what was asked, with which headers."""

    seen: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, dict(self.headers)))
        self.send_response(302 if self.path.startswith("/lure") else 200)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/inner/info/refs")  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def test_no_redirect_is_followed_and_no_token_is_shown(tmp_path: Path) -> None:
    """A host that is allowed cannot send us to one that is not, such as to an address inside."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Canary)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/lure/doc.git"
        assert "redirects are not followed" in reason(fetch(ref(url), cache=tmp_path, reach=Reach(loopback=True)))
    finally:
        server.shutdown()
        server.server_close()
    assert Canary.seen
    assert all(path.startswith("/lure/doc.git/") for path, _ in Canary.seen)
    assert not [name for _, given in Canary.seen for name in given if name.lower() in ("authorization", "cookie")]


HOSTS_AND_TRICKS = [
    "github.com",
    "evil.example",
    "127.0.0.1",
    "[::1]",
    "github.com.evil.example",
    "GITHUB.COM",
    "2130706433",
]
HOSTS_AND_TRICKS += [
    "https",
    "http",
    "file",
    "ext",
    "://",
    ":",
    "@",
    "/",
    "\\",
    "?",
    "#",
    "%2e",
    "a",
    ".git",
    "443",
    "\t",
    "\u3002",
]


@given(st.lists(st.sampled_from(HOSTS_AND_TRICKS), max_size=9).map("".join))
def test_whatever_is_let_through_names_an_allowed_host_and_nothing_else(url: str) -> None:
    with pytest.MonkeyPatch.context() as context:
        context.setattr(address, "_public_address", lambda host: "140.82.112.3")
        try:
            check_url(url, Reach())
        except ValueError:
            return
    assert re.fullmatch(
        r"https://(github\.com|gitlab\.com|codeberg\.org|huggingface\.co)/[^?#@\s]+", url, re.IGNORECASE
    ), url


def test_a_name_that_does_not_resolve_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere(*args: object, **more: object) -> None:
        raise socket.gaierror("no")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    assert "cannot be found" in reason(fetch(ref("https://github.com/a/b"), cache=tmp_path))


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("a.md", "*.md", True),
        ("d/a.md", "*.md", False),
        ("d/a.md", "d/*.md", True),
        ("d/e/a.md", "d/**/*.md", True),
        ("d/a.md", "d/**/*.md", True),
        ("a.md", "**/*.md", True),
        ("a.md", "./a.md", True),
        ("a.md", "?.md", True),
        ("ab.md", "[!b]b.md", True),
        ("d/e/f.md", "**", True),
        ("d/e/f.md", "d", False),
        ("a" * 60 + "/b", "/".join(["**", "*a*a*a*a*a*a*"] * 20) + "/c", False),
    ],
)
def test_patterns_match_as_globs_do(path: str, pattern: str, fits: bool) -> None:
    assert glob_match(path, pattern) is fits
