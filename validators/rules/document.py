"""Where a knowledge leaf's document lies. The rules agree with what the pipeline fetches (pipeline/documents)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from validators.examples import Example
from validators.leaffile import LeafFile
from validators.model import Edit, Finding, Fix
from validators.registry import check, declare
from validators.yamltree import Node

_GROUPS = ("default", "document")
_DOCUMENT = """\
document:
  repo: {repo}
  commit: {commit}
  patterns:
    - "{pattern}"
"""
_RIGHT = {"repo": "https://github.com/example/tarn-skerry", "commit": "0123456789" * 4, "pattern": "island.md"}


def _example(**wrong: str) -> Example:
    return Example(_DOCUMENT.format(**{**_RIGHT, **wrong}), _DOCUMENT.format(**_RIGHT), base="knowledge")


_REPO = declare(
    "document-repo",
    "error",
    "`document.repo` is the https address of a public repository on a known host.",
    *_GROUPS,
    reason="The document is fetched from there to make samples and to check the answers; without it nobody can tell "
    "whether they are true.",
    example=_example(repo="git@github.com:example/tarn-skerry.git"),
    fixes=True,
)
_COMMIT = declare(
    "document-commit",
    "error",
    "`document.commit` is a full commit name: 40 digits from 0 to 9 and a to f.",
    *_GROUPS,
    reason="A branch moves on and a short name may become ambiguous; the full name always means the same text.",
    example=_example(commit="0123456789" * 3 + "ABCDEFabcd"),
    fixes=True,
)
_PATTERNS = declare(
    "document-patterns",
    "warning",
    "`document.patterns` name files of the repository: .md, .txt or .pdf.",
    *_GROUPS,
    reason="A pattern that matches no readable file leaves the teacher without the document.",
    example=_example(pattern="/island.md"),
    fixes=True,
)
_URL = re.compile(
    r"([a-z][a-z0-9+.-]{0,20})://(?:([^/@\s]*)@)?([^/:?#@\s]+)(:\d*)?(/[^?#\s]*)?([?#]\S*)?", re.IGNORECASE
)
_SCP = re.compile(r"(?:[\w.-]{1,40}@)?([\w-]+(?:\.[\w-]+)+):(?!//)/?([\w./~-]+)")
_BARE = re.compile(r"([\w-]+(?:\.[\w-]+)+)(/[^?#\s]+)")
_LOOPBACK = ("127.0.0.1", "localhost")
_FULL = re.compile(r"[0-9a-f]{40}")
_HEX = re.compile(r"[0-9a-fA-F]+")
_IN_ADDRESS = re.compile(r"https?://\S+/(?:commit|tree|blob)s?/([0-9a-f]{40})(?:/\S*)?")
_READABLE = (".md", ".txt", ".pdf")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}$")


@check("mapping", _REPO, _COMMIT, _PATTERNS)
def document(leaf: LeafFile) -> Iterator[Finding]:
    """The three parts of `document`, where they are texts; the schema speaks of the rest."""
    found = leaf.mapping.get("document") if leaf.mapping else None
    if found is None or found.kind != "mapping":
        return
    repo, commit, patterns = (found.get(key) for key in ("repo", "commit", "patterns"))
    if repo and isinstance(repo.value, str) and repo.value.strip():
        yield from _repo(leaf, repo)
    if commit and isinstance(commit.value, str) and commit.value.strip():
        yield from _commit(leaf, commit)
    for pattern in patterns.items if patterns else ():
        if isinstance(pattern.value, str) and pattern.value:
            yield from _pattern(leaf, pattern)


def _repo(leaf: LeafFile, node: Node) -> Iterator[Finding]:
    fault = repo_fault(node.value, leaf.config.hosts)
    if fault is None:
        return
    better = mended_repo(node.value, leaf.config.hosts)
    fix = _replace(node, better, f"write {better}") if better else None
    hosts = ", ".join(leaf.config.hosts)
    remedy = f"Write {better}." if better else f"Put the document into a public repository on one of {hosts}, and write"
    remedy += "" if better else " its address, such as https://github.com/<name>/<repository>."
    yield _REPO.at(leaf, leaf.span(node), fault, remedy, fix=fix)


def repo_fault(address: str, hosts: Collection[str]) -> str | None:
    """Why no document can be fetched from `address`; None where it can."""
    match = _URL.fullmatch(address)
    if not match:
        return f"{address[:60]!r} is not the https address of a repository"
    scheme, user, host, port, path, rest = match.groups()
    scheme, host = scheme.lower(), host.lower()
    if scheme == "http" and host in _LOOPBACK and host in hosts:
        return None
    if user is not None:
        return "the address holds a user name or a password"
    if host.removeprefix("www.") not in hosts:
        return f"documents are not fetched from {host[:60]}"
    if scheme != "https":
        return f"the address begins with {scheme}://, not https://"
    if host not in hosts or port is not None or rest:
        return "the address has a part that no repository's address has (www., a port, ? or #)"
    return _path_fault(host, path or "")


def _path_fault(host: str, path: str) -> str | None:
    names = _names(path)
    if len(names) < 2:
        return "the address names no repository"
    if len(names) > len(_repository(host, names)):
        return "this is the address of a page in a repository, not of the repository"
    return None


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _repository(host: str, names: list[str]) -> list[str]:
    """The parts of a page's path that name its repository. On GitLab groups may lie in groups."""
    if host in ("github.com", "codeberg.org"):
        return names[:2]
    return names[: names.index("-")] if "-" in names else names


def mended_repo(address: str, hosts: Collection[str]) -> str | None:
    """The address that is clearly meant, or None: git@host:o/r, http, www., a page in the repository, no scheme."""
    host = path = ""
    if match := _URL.fullmatch(address.strip()):
        host, path = match.group(3), match.group(5) or ""
    elif match := _BARE.fullmatch(address.strip()) or _SCP.fullmatch(address.strip()):
        host, path = match.groups()
    host = host.lower().removeprefix("www.")
    better = f"https://{host}/{'/'.join(_repository(host, _names(path)))}"
    return None if better == address or repo_fault(better, hosts) else better


def _commit(leaf: LeafFile, node: Node) -> Iterator[Finding]:
    name = node.value
    if _FULL.fullmatch(name):
        return
    found = _IN_ADDRESS.fullmatch(name)
    better = found.group(1) if found else name.strip().lower()
    fix = _replace(node, better, f"write {better}") if _FULL.fullmatch(better) else None
    if _HEX.fullmatch(name):
        message = f"this commit name has {len(name)} digits, not 40"
        if len(name) == 40:
            message = "a commit name has small letters"
    else:
        message = f"{name[:60]!r} is no commit name"
    remedy = "Write the 40 digits of the commit: on the repository's page open the newest commit and copy its full name"
    yield _COMMIT.at(leaf, leaf.span(node), message, remedy + " (or `git rev-parse HEAD`).", fix=fix)


def _pattern(leaf: LeafFile, node: Node) -> Iterator[Finding]:
    pattern = node.value
    better = pattern.strip().replace("\\", "/").lstrip("/")
    if "://" in pattern:
        message, better = "this is an address, not the name of a file in the repository", ""
    elif ".." in pattern.split("/"):
        message, better = "`..` leads out of the repository", ""
    elif better != pattern:
        message = "a pattern begins at the repository's root, without /, and has / between folders"
    elif pattern.endswith("/"):
        message, better = "this names a folder, not files", ""
    else:
        name = pattern.rpartition("/")[2]
        suffix = _EXTENSION.search(name)
        if suffix.group().lower() in _READABLE if suffix else any(sign in name for sign in "*?["):
            return
        kind = f"files that end in {suffix.group()}" if suffix else f"folders and files without an ending ({name[:40]})"
        message, better = f"{kind} are not read", ""
    fix = _replace(node, better, f"write {better}") if better else None
    remedy = "Name files as seen from the repository's root, such as `handbook.md`, `docs/*.md` or `docs/**/*.md`."
    yield _PATTERNS.at(leaf, leaf.span(node), message, remedy, fix=fix)


def _replace(node: Node, text: str, title: str) -> Fix | None:
    """Put another text into a scalar on one line, in the quotes that it has."""
    if node.style not in (None, "'", '"') or any(sign in text for sign in "'\"\\\n#"):
        return None
    quote = node.style or ""
    if not quote and (": " in text or text[:1] in "*&!|>%@`[]{},?-"):
        quote = '"'
    edit = Edit(node.start, node.end, f"{quote}{text}{quote}")
    return Fix(title, (edit,), meaning=f"{node.text[:60]!r} becomes {text[:80]!r}")
