"""GitHub, or a server that speaks its REST API, through PyGithub. The only module that imports `github`."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import requests
from github import Auth, Consts, Github, GithubException, GithubRetry, UnknownObjectException
from github.CheckRun import CheckRun
from github.PullRequest import PullRequest

from bot.forge.checkrun import conclusion, normal, read_annotation, reads, request_state
from bot.forge.limits import ANNOTATIONS_PER_REQUEST, fitted
from bot.forge.port import (
    ChangedFile,
    Check,
    Comment,
    Conclusion,
    ForgeError,
    NotFound,
    Permission,
    Pull,
    PullCommit,
    Reaction,
    Tree,
    TreeEntry,
)

T = TypeVar("T")

GITHUB: Final = "https://api.github.com"
TIMEOUT_S: Final = 30
ENVELOPE_BYTES: Final = 4096
"""What a blob's JSON form may need besides its base64, which takes less than twice the content."""

RATE_LIMIT_WAIT_S: Final = 60.0
"""A rate limit that lasts longer fails the step instead of blocking the worker; the job is tried again later."""

_PERMISSIONS: Final[dict[str, Permission]] = {
    "none": "none",
    "read": "read",
    "triage": "triage",
    "write": "write",
    "maintain": "write",
    "admin": "admin",
}
_STATUSES: Final = {"changed": "modified", "copied": "added"}


class _Unsettled(ForgeError):
    """A write failed in a way that leaves open whether it was made."""


class _Retry(GithubRetry):
    """Repeats reads; a write only where GitHub refused it for its rate, for else it might be made twice."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code in (403, 429) or super().is_retry(method, status_code, has_retry_after)


class GitHubForge:
    """See `Forge`. Calls from several threads queue up: PyGithub is not thread-safe, and GitHub asks for it.

    `login`: the account behind `token`; asked for where not given (an App's installation token cannot ask, so give
    `"slug[bot]"`). `git_url`: where git fetches, if not what the repository says of itself. `pause_s`: seconds between
    requests and between writes; None keeps to GitHub's advice (0.25 and 1), 0 suits a server on this machine.
    """

    def __init__(
        self,
        repository: str,
        *,
        token: str,
        api_url: str = GITHUB,
        login: str | None = None,
        git_url: str | None = None,
        pause_s: float | None = None,
    ) -> None:
        self._repository = repository
        self._api_url = api_url.rstrip("/")
        self._auth = Auth.Token(token)
        retry = _Retry(
            total=3,
            backoff_factor=0.2,
            max_rate_limit_wait=RATE_LIMIT_WAIT_S,
            allowed_methods=frozenset({"GET", "HEAD"}),
        )
        self._github = Github(
            base_url=self._api_url,
            auth=self._auth,
            retry=retry,
            timeout=TIMEOUT_S,
            per_page=100,
            lazy=True,
            seconds_between_requests=Consts.DEFAULT_SECONDS_BETWEEN_REQUESTS if pause_s is None else pause_s,
            seconds_between_writes=Consts.DEFAULT_SECONDS_BETWEEN_WRITES if pause_s is None else pause_s,
        )
        self._repo = self._github.get_repo(repository)
        self._session = requests.Session()
        self._session.mount(self._api_url, requests.adapters.HTTPAdapter(max_retries=retry))
        self._login = login
        self._git_url = git_url
        self._lock = threading.RLock()

    @property
    def repository(self) -> str:
        """`owner/name`."""
        return self._repository

    @property
    def clone_url(self) -> str:
        """Where git fetches from and pushes to; any user name or password in it is dropped."""
        if self._git_url is None:
            with self._asking("the repository"):
                self._git_url = self._repo.clone_url
        parts = urlsplit(self._git_url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    @property
    def login(self) -> str:
        """The account that the token belongs to."""
        if self._login is None:
            with self._asking("the account behind the token"):
                self._login = self._github.get_user().login
        return self._login

    def pull(self, number: int) -> Pull:
        """Raises `NotFound`."""
        with self._asking(f"pull request #{number}"):
            return _pull(self._repo.get_pull(number))

    def open_pulls(self) -> list[Pull]:
        """All open pull requests, oldest first."""
        with self._asking("the open pull requests"):
            return [_pull(p) for p in self._repo.get_pulls(state="open", sort="created", direction="asc")]

    def pull_of_commit(self, sha: str) -> Pull | None:
        """The merged pull request that brought this commit: the one whose merge it is, else the first that holds it."""
        with self._asking(f"the pull requests of commit {sha}"):
            pulls = [_pull(found) for found in self._repo.get_commit(sha).get_pulls()]
        merged = sorted((p for p in pulls if p.merged), key=lambda p: (p.merge_commit_sha != sha, p.number))
        return merged[0] if merged else None

    def changed_files(self, number: int) -> list[ChangedFile]:
        """Files that the pull request changes against its base; GitHub lists 3,000 at most."""
        with self._asking(f"the files of pull request #{number}"):
            return [
                ChangedFile(
                    path=file.filename,
                    status=_STATUSES.get(file.status, file.status),
                    sha=None if file.status == "removed" else file.sha,
                    previous=file.previous_filename if file.status == "renamed" else None,
                )
                for file in self._repo.get_pull(number).get_files()
            ]

    def commits(self, number: int) -> list[PullCommit]:
        """The commits that the pull request would bring, oldest first; GitHub lists 250 at most."""
        with self._asking(f"the commits of pull request #{number}"):
            return [
                PullCommit(
                    sha=found.sha,
                    author_name=found.commit.author.name or "",
                    author_email=found.commit.author.email or "",
                    message=found.commit.message,
                    merge=len(found.parents) > 1,
                )
                for found in self._repo.get_pull(number).get_commits()
            ]

    def tree(self, commit: str) -> Tree:
        """All files at a commit, in one request; GitHub cuts the list at 100,000 entries or 7 MB."""
        data = self._request("GET", f"git/trees/{quote(commit, safe='')}?recursive=1", f"the tree of commit {commit}")
        files = {item["path"]: TreeEntry(item["mode"], item["sha"]) for item in data["tree"] if item["type"] != "tree"}
        return Tree(files, complete=not data.get("truncated"))

    def file(self, commit: str, path: str, *, limit: int) -> bytes | None:
        """Content of the file at a path of a commit; None where there is none, or one of more than `limit` bytes."""
        what = f"{path} at commit {commit}"
        try:
            found = self._request("GET", f"contents/{quote(path)}?ref={quote(commit, safe='')}", what)
        except NotFound:
            return None
        if isinstance(found, list) or found["type"] != "file" or found["size"] > limit:
            return None
        return base64.b64decode(found["content"])

    def blob(self, sha: str, *, limit: int) -> bytes | None:
        """Content by blob sha, or None if larger than `limit`.

        Asks for the raw form, past PyGithub, which offers the JSON form alone and all of it at once. Reads a stream and
        drops it at the limit. A server that knows no raw form answers in JSON all the same.
        """
        headers = {"Accept": "application/vnd.github.raw+json"}
        self._auth.authentication(headers)
        url = f"{self._api_url}/repos/{self._repository}/git/blobs/{quote(sha, safe='')}"
        with (
            self._asking(f"blob {sha}"),
            self._session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response,
        ):
            if response.status_code != 200:
                raise _refused(response)
            if response.headers.get("Content-Type", "").partition(";")[0] != "application/json":
                return _read(response, limit)
            envelope = _read(response, ENVELOPE_BYTES + 2 * limit)
            content = None if envelope is None else base64.b64decode(json.loads(envelope)["content"])
            return content if content is not None and len(content) <= limit else None

    def branch_head(self, branch: str) -> str:
        """Commit sha. Raises `NotFound`."""
        with self._asking(f"branch {branch!r}"):
            return self._repo.get_branch(branch).commit.sha

    def ensure_check(self, check: Check) -> None:
        """Make the check run so, in as few requests as it takes, none if it is so already; see `Forge`.

        A run cannot lose annotations or be opened again: where it would have to, a new one takes its place. A run is
        completed by the request that brings its last annotations.
        """
        wanted = fitted(check)
        self._settle(lambda: self._ensure_check(wanted))

    def check(self, name: str, head_sha: str, external_id: str) -> Conclusion | Literal["in_progress"] | None:
        """State of our check run; None where there is none."""
        with self._asking(f"check {name!r} of {head_sha}"):
            run = self._find_check(name, head_sha, external_id)
            return None if run is None else conclusion(run)

    def ensure_comment(self, number: int, marker: str, body: str) -> int:
        """Make our one comment with `marker` read `body`; see `Forge`. `ValueError` if `body` lacks the marker."""
        if marker not in body:
            raise ValueError(f"the comment lacks its marker {marker!r} and could not be found again")
        return self._settle(lambda: self._ensure_comment(number, marker, body))

    def find_comment(self, number: int, marker: str) -> Comment | None:
        """Our own comment with `marker`, the oldest if there are several."""
        login = self.login.casefold()
        with self._asking(f"the comments of pull request #{number}"):
            for found in self._repo.get_issue(number).get_comments():
                author = found.user.login if found.user else "ghost"
                if author.casefold() == login and marker in found.body:
                    return Comment(found.id, author, found.body)
        return None

    def comment(self, number: int, body: str) -> int:
        """Write a new comment; returns its id."""
        with self._asking(f"a comment on pull request #{number}"):
            return self._repo.get_issue(number).create_comment(body).id

    def react(self, comment_id: int, reaction: Reaction) -> None:
        """Acknowledge a comment; GitHub keeps one reaction of a kind per account."""
        self._request(
            "POST",
            f"issues/comments/{comment_id}/reactions",
            f"a reaction to comment {comment_id}",
            {"content": reaction},
        )

    def permission(self, login: str) -> Permission:
        """What `login` may do here; a custom role counts as the standard one it is built on."""
        data = self._request("GET", f"collaborators/{quote(login, safe='')}/permission", f"the permission of {login!r}")
        for answer in (data.get("role_name"), data.get("permission")):
            if answer in _PERMISSIONS:
                return _PERMISSIONS[answer]
        raise ForgeError(f"{self._repository}: the permission of {login!r} is unknown to this program: {data}")

    def _ensure_check(self, check: Check) -> None:
        with self._asking(f"check {check.name!r} of {check.head_sha}"):
            run = self._find_check(check.name, check.head_sha, check.external_id)
            present = [] if run is None else [read_annotation(found) for found in run.get_annotations()]
            outdated = run is not None and (
                (check.conclusion is None and run.status == "completed")
                or any(annotation not in check.annotations for annotation in present)
            )
            if run is None or outdated:
                present = []
                missing = list(check.annotations)
                run = self._repo.create_check_run(
                    name=check.name,
                    head_sha=check.head_sha,
                    external_id=check.external_id,
                    **request_state(check, missing),
                )
            else:
                missing = [annotation for annotation in check.annotations if annotation not in present]
                if not missing and reads(run, check):
                    return
                run.edit(**request_state(check, missing))
            for start in range(ANNOTATIONS_PER_REQUEST, len(missing), ANNOTATIONS_PER_REQUEST):
                run.edit(**request_state(check, missing[start:]))

    def _find_check(self, name: str, head_sha: str, external_id: str) -> CheckRun | None:
        runs = self._repo.get_commit(head_sha).get_check_runs(check_name=name, filter="all")
        ours = [run for run in runs if run.external_id == external_id]
        return max(ours, key=lambda run: run.id, default=None)

    def _ensure_comment(self, number: int, marker: str, body: str) -> int:
        found = self.find_comment(number, marker)
        if found is None:
            return self.comment(number, body)
        if normal(found.body) != normal(body):
            self._request("PATCH", f"issues/comments/{found.id}", f"comment {found.id} on #{number}", {"body": body})
        return found.id

    def _settle(self, ensure: Callable[[], T]) -> T:
        """Look and write without another thread in between; once more where an answer was lost on the way."""
        with self._lock:
            try:
                return ensure()
            except _Unsettled:
                time.sleep(0.5)
                return ensure()

    def _request(self, verb: str, path: str, what: str, body: object = None) -> Any:
        """For what PyGithub reaches only by asking for more first."""
        with self._asking(what):
            _, data = self._github.requester.requestJsonAndCheck(verb, f"/repos/{self._repository}/{path}", input=body)
            return data

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """One caller at a time; failures say what was asked and what came back."""
        with self._lock:
            try:
                yield
            except GithubException as error:
                message = error.data.get("message") if isinstance(error.data, dict) else error.data
                text = (
                    f"{self._repository}: {what}: {self._api_url} answered {error.status}: {message or error.message}"
                )
                if isinstance(error, UnknownObjectException) or "No commit found" in str(message):
                    raise NotFound(text) from error
                raise (_Unsettled if error.status >= 500 else ForgeError)(text) from error
            except OSError as error:  # what `requests` raises
                raise _Unsettled(f"{self._repository}: {what}: {self._api_url} cannot be reached: {error}") from error


def _read(response: requests.Response, limit: int) -> bytes | None:
    """The body, or None as soon as it proves longer than `limit`."""
    content = bytearray()
    for chunk in response.iter_content(65_536):
        content += chunk
        if len(content) > limit:
            return None
    return bytes(content)


def _refused(response: requests.Response) -> GithubException:
    kind = UnknownObjectException if response.status_code == 404 else GithubException
    try:
        message = response.json()["message"]
    except (ValueError, KeyError, TypeError):  # a proxy's page rather than the API's answer
        message = response.text[:500]
    return kind(response.status_code, {"message": message}, dict(response.headers))


def _pull(pull: PullRequest) -> Pull:
    merged = pull.merged_at is not None
    return Pull(
        number=pull.number,
        title=pull.title,
        author=pull.user.login if pull.user else "ghost",
        state=pull.state,
        draft=bool(pull.draft),
        merged=merged,
        head_sha=pull.head.sha,
        base_ref=pull.base.ref,
        base_sha=pull.base.sha,
        # Of an open pull request this is GitHub's trial merge, which no branch holds.
        merge_commit_sha=pull.merge_commit_sha if merged else None,
        url=pull.html_url,
    )
