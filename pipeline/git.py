"""Git as a subprocess that trusts nothing: bare repositories, no checkout, no hooks, no foreign configuration.

Each known attack on git needs a working tree, submodules, a local clone or a redirect; none of these happens here.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

# What a child inherits: where programs, certificates and proxies are. Nothing else of our environment reaches it.
_INHERITED = ("PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY")
_BASE_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "transfer.fsckObjects": "true",
    "fetch.fsck.zeroPaddedFilemode": "warn",  # old, harmless and common in long histories
    "maintenance.auto": "false",
}
_SHA = re.compile(r"[0-9a-f]{40}")


class GitError(Exception):
    """Git refused or could not. The message carries what git said, without secrets."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a fetch may use: https always, plain http to this machine alone, local folders only when `allow_file`.

    `token` goes into an HTTP header through the environment, so no process list and no configuration file shows it.
    """

    token: str | None = field(default=None, repr=False)
    allow_file: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree: octal mode as git prints it, blob sha, size in bytes."""

    mode: str
    sha: str
    size: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one git process. `file_bytes` caps every file that it writes, packs included; None sets no cap.

    `memory_bytes` caps its address space, where the system can; it is looked at together with `file_bytes` alone.
    """

    seconds: float = 120.0
    file_bytes: int | None = None
    memory_bytes: int = 4 << 30


class Repository:
    """A bare repository at `path`, which `init` makes. Reads never touch the network."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def init(self) -> Repository:
        """Make the repository where there is none, also beside processes that do the same; returns itself."""
        if (self.path / "HEAD").exists():
            return self
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{self.path.name}.new-", dir=self.path.parent) as folder:
            made = Path(folder) / self.path.name
            run(["init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(made)])
            try:
                made.rename(self.path)
            except OSError as error:
                if not (self.path / "HEAD").exists():  # it is not that another process was first
                    raise GitError(f"{self.path} is not empty and no repository; move it away") from error
        return self

    def fetch(
        self,
        url: str,
        refs: Sequence[str],
        *,
        access: Access | None = None,
        options: Sequence[str] = (),
        config: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Fetch `refs` (refspecs or shas) from `url`. Raises `GitError`, `ValueError` on a URL that is not allowed."""
        access = access or Access()
        protocol = _protocol(url, access)
        if any(ref.startswith("-") for ref in refs):
            raise ValueError(f"not a ref: {refs!r}")
        settings = {**_authorization(url, access.token), **(config or {})}
        arguments = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *options, "--", url, *refs]
        run(arguments, at=self.path, protocols=protocol, config=settings, limits=limits)

    def push(self, url: str, refs: Sequence[str], *, access: Access | None = None) -> None:
        """Push `refs` (refspecs) to `url`, never by force. Raises `GitError`, `ValueError` on a forbidden URL."""
        access = access or Access()
        if any(ref.startswith(("-", "+")) for ref in refs):
            raise ValueError(f"not a ref: {refs!r}")
        arguments = ["push", "--quiet", "--", url, *refs]
        run(arguments, at=self.path, protocols=_protocol(url, access), config=_authorization(url, access.token))

    def resolve(self, rev: str) -> str:
        """The commit sha that `rev` names. Raises `GitError` when there is none."""
        arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", rev + "^{commit}"]
        try:
            return run(arguments, at=self.path).decode().strip()
        except GitError as error:
            raise GitError(f"{rev} is not a commit of {self.path.name}") from error

    def tree(self, commit: str) -> dict[str, Entry]:
        """All files at `commit` by path, in path order; sub-modules are left out."""
        listing = run(["ls-tree", "-r", "-z", "--long", "--full-tree", _sha(commit)], at=self.path)
        entries = {}
        for record in listing.split(b"\0")[:-1]:
            head, _, name = record.partition(b"\t")
            mode, kind, sha, size = head.decode().split()
            if kind == "blob":
                entries[name.decode(errors="backslashreplace")] = Entry(mode, sha, int(size) if size.isdigit() else -1)
        return entries

    def names(self, commit: str) -> dict[str, str]:
        """Blob sha by path at `commit`, also of blobs that a size limit left out; links are left out."""
        listing = run(["ls-tree", "-r", "-z", "--full-tree", _sha(commit)], at=self.path)
        records = (record.partition(b"\t") for record in listing.split(b"\0")[:-1])
        return {
            name.decode(errors="backslashreplace"): head.split()[2].decode()
            for head, _, name in records
            if head.startswith(b"100")
        }

    def present(self) -> dict[str, int]:
        """Bytes by name of all objects that are here; asks nobody for those that are not. For shallow fetches only."""
        check = "--batch-check=%(objectname) %(objectsize)"
        listing = run(["cat-file", "--batch-all-objects", check, "--unordered"], at=self.path).decode()
        return {name: int(size) for name, size in (line.split() for line in listing.splitlines())}

    def blobs(self, shas: Iterable[str]) -> dict[str, bytes]:
        """Contents by sha, read in one process; a sha that is not here is left out."""
        wanted = [_sha(sha) for sha in dict.fromkeys(shas)]
        if not wanted:
            return {}
        output = run(["cat-file", "--batch", "--buffer"], at=self.path, stdin="\n".join(wanted).encode() + b"\n")
        return _batch(output)

    def log(self, *arguments: str, path: str) -> list[str]:
        """The NUL-separated fields that `git log` prints for `path`, taken literally; empty when no commit fits."""
        output = run(["log", "-z", *arguments, "--", path], at=self.path).decode(errors="replace")
        return output.rstrip("\0").split("\0") if output.strip("\0\n") else []


def run(
    arguments: Sequence[str],
    *,
    at: Path | None = None,
    stdin: bytes = b"",
    protocols: str = "none",
    config: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> bytes:
    """Run git and return what it prints. Raises `GitError` when it fails, is missing, or runs past its limits."""
    limits = limits or Limits()
    command = ["git", *(["--git-dir", str(at)] if at else []), *arguments]
    if limits.file_bytes is not None:  # a shell sets the limit: `preexec_fn` is unsafe beside threads
        bounds = 'ulimit -v "$1" 2>/dev/null; shift; ulimit -f "$0" && exec "$@"'
        blocks, kib = -(-limits.file_bytes // 512), limits.memory_bytes >> 10
        command = ["sh", "-c", bounds, str(blocks), str(kib), *command]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(protocols, config or {}),
            start_new_session=True,  # git starts children of its own; the whole group must go at the limit
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed; install git 2.38 or newer") from error
    try:
        output, complaint = process.communicate(stdin, timeout=limits.seconds)
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {arguments[0]} took longer than {limits.seconds:g} s") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        raise GitError(_said(arguments[0], process.returncode, complaint))
    return output


def environment(protocols: str, config: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a git child. `protocols`: names joined by ":", "none" forbids all transport."""
    settings = [*{**_BASE_CONFIG, **config}.items()]
    pairs: dict[str, str] = {}
    for number, (key, value) in enumerate(settings):
        pairs |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_LAZY_FETCH": "1",  # a blob left out by a size limit stays out
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_CONFIG_COUNT": str(len(settings)),
        **pairs,
    }


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine: localhost or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _protocol(url: str, access: Access) -> str:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("a clone URL must not carry a name or password; give the token by the settings")
    if parts.scheme == "https":
        return "https"
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return "http"
    if access.allow_file and (parts.scheme == "file" or url.startswith("/")):
        return "file"
    raise ValueError(f"git may not fetch from {url!r}: use https (http only on this machine)")


def _authorization(url: str, token: str | None) -> dict[str, str]:
    if token is None:
        return {}
    origin = "{0.scheme}://{0.netloc}/".format(urlsplit(url))
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {f"http.{origin}.extraHeader": f"Authorization: Basic {basic}"}


def _sha(value: str) -> str:
    if not _SHA.fullmatch(value):
        raise ValueError(f"not a full object name: {value!r}")
    return value


def _batch(output: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        words = output[at:end].split()
        at = end + 1
        if len(words) == 3:  # "<sha> <type> <size>", else "<sha> missing"
            size = int(words[2])
            found[words[0].decode()] = output[at : at + size]
            at += size + 1
    return found


def _said(verb: str, code: int, complaint: bytes) -> str:
    text = complaint.decode(errors="replace").strip()[-500:]
    return f"git {verb} failed: {text or f'it ended with code {code}'}"
