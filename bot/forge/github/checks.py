"""Check runs, or commit statuses where GitHub does not let us write check runs: it lets Apps alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from bot.forge.github import checkrun, status
from bot.forge.github.account import Account
from bot.forge.limits import ANNOTATIONS_PER_REQUEST, fitted
from bot.forge.port import Check, Conclusion, Forbidden

Run = Mapping[str, Any]


class Checks(Account):
    """Check runs are found again by name, commit and external id; statuses, which have none, by name and commit."""

    _runs_refused: bool | None = None
    """Whether this account may not write check runs; None until it has tried. An App always may."""

    def ensure_check(self, check: Check) -> None:
        """Make the check run so, in as few requests as it takes, none if it is so already; see `Forge`.

        A run cannot lose annotations or be opened again: where it would have to, a new one takes its place. A run is
        completed by the request that brings its last annotations.
        """
        wanted = fitted(check)
        self._client.settle((check.head_sha, check.name), lambda: self._ensure_check(wanted))

    def check(self, name: str, head_sha: str, external_id: str) -> Conclusion | Literal["in_progress"] | None:
        """State of our check run; None where there is none."""
        run = None if self._runs_refused else self._find_run(name, head_sha, external_id)
        if run is not None:
            return checkrun.conclusion(run)
        if self._app is not None or self._runs_refused is False:
            return None
        found = self._find_status(name, head_sha)
        return None if found is None else status.conclusion(found)

    def _ensure_check(self, check: Check) -> None:
        if self._runs_refused:
            return self._ensure_status(check)
        run = self._find_run(check.name, check.head_sha, check.external_id)
        present = [] if run is None else self._annotations(run)
        missing = [annotation for annotation in check.annotations if annotation not in present]
        if run is None or checkrun.is_outdated(run, check, present):
            missing = list(check.annotations)
            created = self._create_run(check)
            if created is None:
                return self._ensure_status(check)
            run = created
        elif not missing and checkrun.reads(run, check):
            return None
        else:
            self._edit_run(run, checkrun.request_state(check, missing))
        for start in range(ANNOTATIONS_PER_REQUEST, len(missing), ANNOTATIONS_PER_REQUEST):
            self._edit_run(run, checkrun.request_state(check, missing[start:]))
        return None

    def _find_run(self, name: str, head_sha: str, external_id: str) -> Run | None:
        path, what = f"commits/{quote(head_sha, safe='')}/check-runs", f"check {name!r} of {head_sha}"
        runs = self._client.listed(path, what, key="check_runs", check_name=name, filter="all")
        ours = [run for run in runs if run["external_id"] == external_id and self._is_our_run(run)]
        return max(ours, key=lambda run: int(run["id"]), default=None)

    def _is_our_run(self, run: Run) -> bool:
        """Any App, and any workflow of the repository, may give a run our name and id; it could not be edited."""
        return bool(run["app"]) and self._is_ours(f"{run['app']['slug']}[bot]")

    def _annotations(self, run: Run) -> list[Any]:
        if not run["output"]["annotations_count"]:
            return []
        found = self._client.listed(
            f"check-runs/{run['id']}/annotations", f"annotations of check run {run['id']}", fresh=True
        )
        return [checkrun.read_annotation(data) for data in found]

    def _create_run(self, check: Check) -> Run | None:
        """None where we may not: GitHub wants an App for that, and we are an account with a token."""
        body = {"name": check.name, "head_sha": check.head_sha, "external_id": check.external_id}
        body |= checkrun.request_state(check, check.annotations)
        try:
            run: Run = self._client.write("POST", "check-runs", f"check {check.name!r} of {check.head_sha}", body)
        except Forbidden:
            if self._app is not None or self._runs_refused is False:
                raise
            self._runs_refused = True
            return None
        self._runs_refused = False
        return run

    def _edit_run(self, run: Run, body: Mapping[str, Any]) -> None:
        self._client.write("PATCH", f"check-runs/{run['id']}", f"check run {run['id']}", body, fresh=True)

    def _ensure_status(self, check: Check) -> None:
        found, wanted = self._find_status(check.name, check.head_sha), status.request(check)
        if found is None or any((found[key] or "") != value for key, value in wanted.items()):
            what = f"the status {check.name!r} of {check.head_sha}"
            self._client.write("POST", f"statuses/{quote(check.head_sha, safe='')}", what, wanted)

    def _find_status(self, name: str, head_sha: str) -> Run | None:
        path = f"commits/{quote(head_sha, safe='')}/statuses"
        for found in self._client.listed(path, f"the statuses of {head_sha}"):  # newest first
            if found["context"] == name and found["creator"] and self._is_ours(found["creator"]["login"]):
                return dict(found)
        return None
