"""What every publisher keeps to: repeated puts change nothing, refusals leave what was, bytes come back as sent."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import Response

from pipeline.publishing.folder import LATEST, FolderPublisher
from pipeline.publishing.hub import HubPublisher
from pipeline.publishing.memory import MemoryPublisher
from pipeline.publishing.port import Publisher, PublishError
from tests.hub_server import TOKEN, HubServer, refuse
from tests.releases import release

REPOSITORY = "seedbed/model"


def quiet(doing: str, fraction: float) -> None:
    assert doing
    assert 0 <= fraction <= 1


@dataclass
class Bench:
    """A publisher, and what the test does behind its back. `newest`: the build that people get, "" for none.
    `versions`: how often something was put there."""

    publisher: Publisher
    refuse: Callable[[], None]
    accept: Callable[[], None]
    damage: Callable[[str], None]
    newest: Callable[[], str]
    versions: Callable[[], int]


@pytest.fixture(params=["memory", "folder", "hub"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "memory":
        yield of_memory()
    elif request.param == "folder":
        yield of_folder(tmp_path / "published")
    else:
        server = HubServer()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # its storage is another service
            yield of_hub(server)
        server.close()


def of_memory() -> Bench:
    publisher = MemoryPublisher()

    def damage(path: str) -> None:
        publisher.kept[publisher.latest][path] = b"rot"

    return Bench(
        publisher,
        refuse=lambda: setattr(publisher, "refusal", "it is full"),
        accept=lambda: setattr(publisher, "refusal", ""),
        damage=damage,
        newest=lambda: publisher.latest,
        versions=lambda: publisher.puts,
    )


def of_folder(root: Path) -> Bench:
    def block() -> None:
        if root.exists():
            root.rename(root.with_name("aside"))
        root.write_text("a file in the way")

    def unblock() -> None:
        root.unlink()
        if root.with_name("aside").exists():
            root.with_name("aside").rename(root)

    return Bench(
        FolderPublisher(root),
        refuse=block,
        accept=unblock,
        damage=lambda path: (root / LATEST / path).write_bytes(b"rot") and None,
        newest=lambda: (root / LATEST).resolve().name if (root / LATEST).exists() else "",
        versions=lambda: len({path.stat().st_ino for path in root.glob("[!.]*/README.md")} if root.is_dir() else ()),
    )


def of_hub(server: HubServer) -> Bench:
    def forbid(method: str, path: str) -> Response | None:
        return refuse(403, "You have read access but not the required permissions") if "/commit/" in path else None

    def damage(path: str) -> None:
        repo = server.repos[REPOSITORY]
        repo.commits[repo.head].files[path] = b"rot"

    def newest() -> str:
        repo = server.repos.get(REPOSITORY)
        tags = {oid: tag for tag, oid in repo.tags.items()} if repo else {}
        return tags.get(repo.head, "").removeprefix("build-") if repo else ""

    return Bench(
        HubPublisher(REPOSITORY, server.url, TOKEN),
        refuse=lambda: setattr(server, "play", forbid),
        accept=lambda: setattr(server, "play", None),
        damage=damage,
        newest=newest,
        versions=lambda: len(server.repos[REPOSITORY].commits) - 1,
    )


def all_the_way(bench: Bench, folder: Path, build: str = "abc123def456") -> str:
    made = release(folder / build, build)
    reference = bench.publisher.put(made, quiet)
    assert bench.publisher.check(made, reference) == ()
    bench.publisher.seal(made, reference)
    return reference


def test_a_release_comes_back_as_it_was_sent(bench: Bench, tmp_path: Path) -> None:
    all_the_way(bench, tmp_path)
    assert bench.newest() == "abc123def456"
    assert bench.versions() == 1


def test_twice_is_once(bench: Bench, tmp_path: Path) -> None:
    reference = all_the_way(bench, tmp_path)
    assert all_the_way(bench, tmp_path) == reference
    assert bench.versions() == 1


def test_nothing_is_named_before_it_was_checked(bench: Bench, tmp_path: Path) -> None:
    made = release(tmp_path / "r")
    bench.publisher.put(made, quiet)
    assert bench.newest() == ""


def test_the_next_build_takes_over_and_the_last_one_stays(bench: Bench, tmp_path: Path) -> None:
    first = release(tmp_path / "1", "111111111111", {"README.md": b"# 1\n", "old.gguf": b"only here"})
    reference = bench.publisher.put(first, quiet)
    bench.publisher.seal(first, reference)
    all_the_way(bench, tmp_path, "222222222222")
    assert bench.newest() == "222222222222"
    assert bench.publisher.check(first, reference) == ()


def test_an_earlier_build_can_be_put_back(bench: Bench, tmp_path: Path) -> None:
    for build in ("111111111111", "222222222222", "111111111111"):
        all_the_way(bench, tmp_path, build)
    assert bench.newest() == "111111111111"


def test_what_was_changed_there_is_seen_and_mended(bench: Bench, tmp_path: Path) -> None:
    reference = all_the_way(bench, tmp_path)
    bench.damage("model.safetensors")
    made = release(tmp_path / "again")
    assert bench.publisher.check(made, reference) == ("model.safetensors",)
    mended = bench.publisher.put(made, quiet)
    assert bench.publisher.check(made, mended) == ()


def test_a_refusal_is_told_and_leaves_what_was_there(bench: Bench, tmp_path: Path) -> None:
    all_the_way(bench, tmp_path, "111111111111")
    bench.refuse()
    with pytest.raises(PublishError, match=r"222222222222|seedbed/model"):
        bench.publisher.put(release(tmp_path / "2", "222222222222"), quiet)
    bench.accept()
    assert bench.newest() == "111111111111"
    assert bench.versions() == 1
    all_the_way(bench, tmp_path, "222222222222")
    assert bench.newest() == "222222222222"


def test_a_place_is_named_without_secrets(bench: Bench) -> None:
    assert bench.publisher.name
    assert TOKEN not in bench.publisher.where + repr(bench.publisher.where)


def test_a_copy_owes_nothing_to_the_release(bench: Bench, tmp_path: Path) -> None:
    """Releases are removed once they are everywhere."""
    made = release(tmp_path / "r")
    reference = bench.publisher.put(made, quiet)
    kept = release(tmp_path / "same")
    shutil.rmtree(made.folder)
    assert bench.publisher.check(kept, reference) == ()
