"""Publishers by name: those that Seedbed has, and those of other distributions (entry points `seedbed.publishers`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from pipeline.publishing.folder import FolderPublisher
from pipeline.publishing.hub import HubPublisher
from pipeline.publishing.ollama import OllamaPublisher
from pipeline.publishing.port import Publisher, PublishError

GROUP = "seedbed.publishers"
Maker = Callable[[str], Publisher]
"""Takes what stands behind the equals sign in publish_to."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the places that Seedbed knows need besides their names. `folder`: where "folder" alone leads."""

    folder: Path
    hub_url: str = ""
    hub_token: str = ""
    hub_private: bool = False


def publishers(wanted: Sequence[str], access: Access) -> list[Publisher]:
    """The places of `wanted`, each "name" or "name=where". Raises `PublishError` for one that nothing provides."""
    makers = _own(access)
    places = []
    for entry in wanted:
        name, _, place = entry.partition("=")
        maker = makers.get(name.strip()) or _installed(name.strip())
        if maker is None:
            names = ", ".join(sorted({*makers, *(point.name for point in entry_points(group=GROUP))}))
            raise PublishError(
                f'publish_to: there is no publisher "{name.strip()}" (there are {names}); others come as plug-ins, see '
                "docs/how-to/publish-a-model.md"
            )
        places.append(maker(place.strip()))
    named = [found.name for found in places]
    if len(set(named)) < len(named):
        raise PublishError(f"publish_to: one place of a kind, and there are {', '.join(named)}")
    return places


def _own(access: Access) -> Mapping[str, Maker]:
    def hub(where: str) -> Publisher:
        return HubPublisher(_named("hub", where, "owner/name"), access.hub_url, access.hub_token, access.hub_private)

    return {
        "folder": lambda where: FolderPublisher(Path(where).expanduser() if where else access.folder),
        "hub": hub,
        "ollama": lambda where: OllamaPublisher(_named("ollama", where, "a model name")),
    }


def _named(name: str, where: str, what: str) -> str:
    if not where:
        raise PublishError(f"publish_to: {name} needs {what}, written {name}={what.split()[-1]}")
    return where


def _installed(name: str) -> Maker | None:
    for point in entry_points(group=GROUP):
        if point.name == name:
            try:
                maker: Maker = point.load()
            except Exception as error:  # a plug-in may fail in any way, and is named
                raise PublishError(f"the publisher {name} ({point.value}) does not load: {error}") from error
            return maker
    return None
