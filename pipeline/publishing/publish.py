"""Publishing a promoted build: make its release once, then bring it to each place, read it back, and record that."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.provenance.record import BuildRecord, ProvenanceError
from pipeline.publishing.gguf.make import Made, Tools
from pipeline.publishing.port import Progress, Publisher, PublishError, Release
from pipeline.publishing.records import Entry, Records
from pipeline.publishing.release import Options, Prepared, prepare, read_promoted

RELEASES = "releases"
RELEASE = "release"  # in the record: the release itself, beside the places
Outcome = Literal["published", "already", "failed", "differs", "would publish"]


@dataclass(frozen=True, slots=True)
class Target:
    """What became of one place. `failed`: it holds what it held before. `differs`: it took the release and gives it
    back otherwise, so that people there may get something that was never judged. `reason`: why, for both."""

    name: str
    where: str
    outcome: Outcome
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing a build came to. `problem`: why there is no release at all, "" where there is one; `signer`: id
    of the key, "" where the release is not signed; `digest`: of the release's files."""

    build_id: str
    targets: tuple[Target, ...] = ()
    gguf: tuple[Made, ...] = ()
    digest: str = ""
    signer: str = ""
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether every place that was asked for has the release, or would get it."""
        return not self.problem and all(target.outcome not in ("failed", "differs") for target in self.targets)

    @property
    def differing(self) -> tuple[Target, ...]:
        """Places that give back something else than was judged: the champion there should not be trusted."""
        return tuple(target for target in self.targets if target.outcome == "differs")

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"version": 1, "ok": self.ok, **asdict(self)}


def publish(
    build: Path,
    state: Path,
    publishers: Sequence[Publisher],
    options: Options | None = None,
    *,
    progress: Progress = lambda doing, fraction: None,
    date: str = "",
    at: str = "",
    again: bool = False,
    dry_run: bool = False,
    tools: Tools | None = None,
) -> Publication:
    """Publish the promoted build in folder `build` to each place; what is there already costs nothing.

    `date`: of the taxonomy commit, for the documents; `at`: now, for the record alone; `again`: also where the record
    says that it is there. Never raises for what a release or a place refuses: the result says so, and so does
    `state/published.json`, and the same call tries again. Raises `PublishError` while another publishing runs, and
    where that file is damaged.
    """
    with _only_one(state):
        return _Run(build, state, options or Options(), progress, date, at, again, dry_run, tools).run(publishers)


@dataclass(slots=True)
class _Run:
    build: Path
    state: Path
    options: Options
    progress: Progress
    date: str
    at: str
    again: bool
    dry_run: bool
    tools: Tools | None

    def run(self, publishers: Sequence[Publisher]) -> Publication:
        records = Records(self.state)
        try:
            record = read_promoted(self.build, self.date, self.options.policy)
            key = self.options.digest(record)
        except (PublishError, ProvenanceError, OSError) as error:
            return self._problem(records, self.build.name, error)
        known = {} if self.again else records.of(record.build_id)
        done = {place.name: _already(place, known.get(place.name), key) for place in publishers}
        if self.dry_run or all(done.values()):
            return Publication(record.build_id, tuple(done[p.name] or _would(p) for p in publishers))
        try:
            prepared = self._prepare(record)
        except PublishError as error:
            return self._problem(records, record.build_id, error)
        release = prepared.release
        records.write(release.build_id, RELEASE, Entry(str(self.build), "published", key, release.digest, at=self.at))
        targets = tuple(done[place.name] or self._one(place, release, key, records) for place in publishers)
        result = Publication(record.build_id, targets, prepared.gguf, release.digest, prepared.signer)
        if result.ok:  # the same release can be made again; kept for the next try otherwise
            shutil.rmtree(release.folder, ignore_errors=True)
        return result

    def _prepare(self, record: BuildRecord) -> Prepared:
        into = self.state / RELEASES
        return prepare(self.build, record, into, self.options, self.progress, self.tools)

    def _problem(self, records: Records, build_id: str, error: Exception) -> Publication:
        if not self.dry_run:
            records.write(build_id, RELEASE, Entry(str(self.build), "failed", reason=str(error), at=self.at))
        return Publication(build_id, problem=str(error))

    def _one(self, place: Publisher, release: Release, key: str, records: Records) -> Target:
        reference, wrong = "", tuple[str, ...]()
        try:
            reference = place.put(release, self.progress)
            wrong = place.check(release, reference)
            if not wrong:
                place.seal(release, reference)
        except Exception as error:  # a plug-in may fail in any way; the other places still get theirs
            said = str(error) if isinstance(error, PublishError) else f"{type(error).__name__}: {error}"
            return self._note(records, release, key, Target(place.name, place.where, "failed", reference, said))
        if wrong:
            some = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
            reason = f"{place.where} gives back other bytes than were sent: {some}"
            return self._note(records, release, key, Target(place.name, place.where, "differs", reference, reason))
        return self._note(records, release, key, Target(place.name, place.where, "published", reference))

    def _note(self, records: Records, release: Release, key: str, target: Target) -> Target:
        state: Any = target.outcome
        entry = Entry(target.where, state, key, release.digest, target.reference, target.reason, self.at)
        records.write(release.build_id, target.name, entry)
        return target


def _already(place: Publisher, entry: Entry | None, key: str) -> Target | None:
    if entry is None or entry.state != "published" or entry.where != place.where or entry.key != key:
        return None
    return Target(place.name, place.where, "already", entry.reference)


def _would(place: Publisher) -> Target:
    return Target(place.name, place.where, "would publish")


@contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Hold the lock of publishing; the system frees it when its holder dies. Raises `PublishError`."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "publish.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PublishError(f"something is being published from {state} already; wait for it, or stop it") from None
        yield
