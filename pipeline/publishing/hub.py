"""Releases on the Hugging Face Hub: one commit a build, read back, then tagged `build-<id>`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files import file_digest
from pipeline.publishing.port import Progress, PublishError, Release

BRANCH = "main"
_KEEP = (".gitattributes",)  # the hub's own
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class HubPublisher:
    """`repository`: owner/name; `url`: "" for the public hub; `token`: "" for the one that `hf auth login` kept.

    A repository that does not exist is made, `private` or not.
    """

    repository: str
    url: str = ""
    token: str = ""
    private: bool = False
    name: str = "hub"

    @property
    def where(self) -> str:
        """Where people see it."""
        return f"{self.url or 'https://huggingface.co'}/{self.repository}"

    def put(self, release: Release, progress: Progress) -> str:
        """One commit that makes the branch hold this release and nothing else; none where it does. Returns the commit.

        The commit names its parent, so that what somebody else pushed meanwhile is never overwritten.
        Raises `PublishError`.
        """
        progress(f"{self.where}: uploading {len(release.files)} files", 0.1)
        return str(self._ask(lambda: self._commit(release)))

    def _commit(self, release: Release) -> str:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        api = self._api()
        api.create_repo(self.repository, exist_ok=True, private=self.private)
        head = api.model_info(self.repository, revision=BRANCH).sha
        if self._tagged(api, release) == head and not self.check(release, head):
            return str(head)
        wanted = release.sums()
        gone = [path for path in api.list_repo_files(self.repository, revision=head) if path not in (*wanted, *_KEEP)]
        operations: list[Any] = [CommitOperationAdd(path, str(release.folder / path)) for path in wanted]
        operations += [CommitOperationDelete(path) for path in gone]
        done = api.create_commit(
            self.repository,
            operations,
            commit_message=f"Build {release.build_id}",
            commit_description=f"Release digest {release.digest}",
            revision=BRANCH,
            parent_commit=head,
        )
        return str(done.oid)

    def check(self, release: Release, reference: str) -> tuple[str, ...]:
        """Download every file of the commit again, one at a time. Raises `PublishError`."""
        found: tuple[str, ...] = self._ask(lambda: self._differing(release, reference))
        return found

    def _differing(self, release: Release, reference: str) -> tuple[str, ...]:
        api = self._api()
        there = set(api.list_repo_files(self.repository, revision=reference))
        wrong = []
        for path, digest in release.sums().items():
            if path not in there:
                wrong.append(path)
                continue
            with tempfile.TemporaryDirectory(prefix="seedbed-hub-", dir=release.folder.parent) as folder:
                got = api.hf_hub_download(self.repository, path, revision=reference, local_dir=folder)
                if file_digest(Path(got)) != digest:
                    wrong.append(path)
        return tuple(wrong)

    def seal(self, release: Release, reference: str) -> None:
        """Tag the commit; a tag that stands on another commit is moved. Raises `PublishError`."""

        def tag() -> None:
            api = self._api()
            stands = self._tagged(api, release)
            if stands and stands != reference:
                api.delete_tag(self.repository, tag=release.tag)
            if stands != reference:
                message = f"Build {release.build_id}"
                api.create_tag(self.repository, tag=release.tag, revision=reference, tag_message=message, exist_ok=True)

        self._ask(tag)

    def _tagged(self, api: Any, release: Release) -> str:
        """The commit that the build's tag stands on, "" without one."""
        tags = api.list_repo_refs(self.repository).tags
        return next((str(tag.target_commit) for tag in tags if tag.name == release.tag), "")

    def _api(self) -> Any:
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()  # ours is the caller's `progress`
        return HfApi(endpoint=self.url or None, token=self.token or None, library_name="seedbed")

    def _ask(self, work: Any) -> Any:
        """Raises `PublishError` in the hub's own words, one line of them."""
        from huggingface_hub.errors import HfHubHTTPError

        try:
            return work()
        except PublishError:
            raise
        except HfHubHTTPError as error:
            status = error.response.status_code
            raise PublishError(f"{self.where} answered {status}: {_first(error)}. {_advice(status)}") from error
        except (OSError, ValueError, RuntimeError) as error:
            raise PublishError(f"{self.where} cannot be reached or used: {_first(error)}. {_advice(0)}") from error
        except Exception as error:  # httpx has errors of its own family, and it is not ours to import
            if type(error).__module__.partition(".")[0] != "httpx":
                raise
            raise PublishError(f"{self.where} cannot be reached: {_first(error)}. {_advice(0)}") from error


def _first(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:300].rstrip(".")


def _advice(status: int) -> str:
    if status in (401, 403, 404):
        return "Check hub_token: it must be allowed to write to this repository"
    if status == 412:
        return "Somebody else pushed meanwhile; `seedbed publish --to hub` tries again on top of it"
    return "Nothing was published there; `seedbed publish --to hub` tries again"
