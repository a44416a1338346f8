"""Publishing a build as the settings say: for the nightly job, and for `seedbed publish`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from bot.release_settings import ReleaseSettings
from bot.settings import SettingsError
from pipeline.provenance.licences import Policy
from pipeline.provenance.record import ProvenanceError, commit_date, read_record
from pipeline.publishing.places import Access, publishers
from pipeline.publishing.port import Progress, Publisher, PublishError
from pipeline.publishing.publish import Publication, publish
from pipeline.publishing.release import Options

FOLDER = "published"
"""In the state folder: where `publish_to = folder` leads."""


def places_of(settings: ReleaseSettings, state: Path) -> list[Publisher]:
    """Where builds go. Raises `SettingsError` for a place that does not exist."""
    access = Access(state / FOLDER, settings.hub_url, settings.hub_token.get_secret_value(), settings.hub_private)
    try:
        return publishers(settings.publish_to, access)
    except PublishError as error:
        raise SettingsError(str(error)) from error


def options_of(settings: ReleaseSettings) -> Options:
    """How releases are made."""
    return Options(
        kinds=settings.gguf_kinds,
        converter=_path(settings.gguf_converter),
        key=_path(settings.signing_key),
        policy=Policy(settings.licences_allowed),
        taxonomy_url=settings.publish_taxonomy_url,
    )


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def publish_build(
    settings: ReleaseSettings,
    state: Path,
    build_id: str,
    *,
    progress: Progress = lambda doing, fraction: None,
    only: Collection[str] = (),
    again: bool = False,
    dry_run: bool = False,
) -> Publication:
    """Publish build `build_id` of a state folder where the settings say. `only`: names of places, () for all.

    What a place refuses is in the result. Raises `SettingsError`, and `PublishError` while another publishing runs.
    """
    places = places_of(settings, state)
    unknown = sorted(set(only) - {place.name for place in places})
    if unknown:
        there = ", ".join(place.name for place in places) or "none"
        raise SettingsError(f"publish_to has no place {unknown[0]!r} (it has {there})")
    build = state / "builds" / build_id
    return publish(
        build,
        state,
        [place for place in places if not only or place.name in only],
        options_of(settings),
        progress=progress,
        date=_date(state, build),
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        again=again,
        dry_run=dry_run,
    )


def _date(state: Path, build: Path) -> str:
    """Of the taxonomy commit; "" where this state folder has no mirror of the taxonomy, or not that commit."""
    try:
        return commit_date(state / "mirror.git", read_record(build).inputs["taxonomy_commit"])
    except ProvenanceError:
        return ""
