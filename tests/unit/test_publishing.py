"""Publishing a promoted build: what is released, where it goes, what is recorded, what happens when it is refused."""

from __future__ import annotations

import fcntl
import hashlib
import json
from pathlib import Path

import pytest

from pipeline.provenance import signing
from pipeline.provenance.licences import Policy
from pipeline.publishing.folder import FolderPublisher
from pipeline.publishing.memory import MemoryPublisher
from pipeline.publishing.port import PublishError
from pipeline.publishing.publish import Publication, publish
from pipeline.publishing.records import NAME, Entry, Records
from pipeline.publishing.release import Options, read_probes
from tests.releases import BUILD, DATE, LEAVES, leaf, promoted, tools
from tests.unit.test_provenance_signing import key_file

PLAIN = Options(kinds=())


def targets(found: Publication) -> dict[str, str]:
    return {target.name: target.outcome for target in found.targets}


def test_a_release_goes_to_every_place_and_is_recorded(tmp_path: Path) -> None:
    build = promoted(tmp_path)
    memory, folder = MemoryPublisher(), FolderPublisher(tmp_path / "out")
    found = publish(build, tmp_path, [folder, memory], date=DATE, at="now", tools=tools())
    assert found.ok
    assert targets(found) == {"folder": "published", "memory": "published"}
    assert memory.latest == BUILD
    entries = Records(tmp_path).of(BUILD)
    assert {name: entry.state for name, entry in entries.items()} == dict.fromkeys(
        ("folder", "memory", "release"), "published"
    )
    assert {entry.digest for entry in entries.values()} == {found.digest}
    assert entries["folder"].reference == str(tmp_path / "out" / BUILD)
    assert entries["folder"].at == "now"


def test_a_release_holds_all_that_people_need(tmp_path: Path) -> None:
    publish(promoted(tmp_path), tmp_path, [FolderPublisher(tmp_path / "out")], date=DATE, tools=tools())
    folder = tmp_path / "out" / "latest"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    stem = f"gguf/SmolLM2-135M-Instruct-build-{BUILD}"
    assert names == {
        *("README.md", "config.json", "model.safetensors", "tokenizer_config.json", "chat_template.jinja"),
        *("manifest.json", "verdict.json", "CREDITS.json", "bom.cdx.json", "provenance.intoto.json", "SHA256SUMS"),
        *("gguf/Modelfile", "gguf/README.md", "gguf/checks.json"),
        *(f"{stem}-{kind}.gguf" for kind in ("F16", "Q8_0", "Q4_0")),
    }
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, path = line.split("  ")
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == digest
    assert signing.verify(folder / "provenance.intoto.json", None).files == len(names) - 2


def test_what_is_there_already_costs_nothing(tmp_path: Path) -> None:
    build, memory, calls = promoted(tmp_path), MemoryPublisher(), list[str]()
    first = publish(build, tmp_path, [memory], tools=tools(calls=calls), at="1")
    before = (tmp_path / NAME).read_bytes()
    found = publish(build, tmp_path, [memory], tools=tools(calls=calls), at="2")
    assert targets(found) == {"memory": "already"}
    assert found.targets[0].reference == first.targets[0].reference
    assert (memory.puts, calls) == (1, ["f16", "q8_0", "q4_0"])
    assert (tmp_path / NAME).read_bytes() == before
    assert not list((tmp_path / "releases").iterdir())


def test_the_same_build_is_the_same_release(tmp_path: Path) -> None:
    options = Options(key=key_file(tmp_path / "key"))
    digests = set()
    for name in ("1", "2"):
        build = promoted(tmp_path / name)
        found = publish(build, tmp_path / name, [MemoryPublisher()], options, date=DATE, at=name, tools=tools())
        digests.add(found.digest)
    assert len(digests) == 1
    assert digests != {""}


def test_with_nowhere_to_go_nothing_is_made(tmp_path: Path) -> None:
    calls = list[str]()
    found = publish(promoted(tmp_path), tmp_path, [], tools=tools(calls=calls))
    assert found.ok
    assert (found.targets, found.digest, calls) == ((), "", [])


def test_a_place_that_refuses_is_told_and_tried_again(tmp_path: Path) -> None:
    build, calls = promoted(tmp_path), list[str]()
    good, bad = MemoryPublisher(), MemoryPublisher(name="other", refusal="the disk is full")
    found = publish(build, tmp_path, [bad, good], tools=tools(calls=calls))
    assert not found.ok
    assert targets(found) == {"other": "failed", "memory": "published"}
    assert "the disk is full" in found.targets[0].reason
    entry = Records(tmp_path).of(BUILD)["other"]
    assert (entry.state, entry.reason) == ("failed", found.targets[0].reason)
    bad.refusal = ""
    again = publish(build, tmp_path, [bad, good], tools=tools(calls=calls))
    assert targets(again) == {"other": "published", "memory": "already"}
    assert len(calls) == 3  # the release was kept for the second try


def test_a_plug_in_that_breaks_harms_no_other_place(tmp_path: Path) -> None:
    class Broken(MemoryPublisher):
        def put(self, *_: object) -> str:
            raise KeyError("nobody knows")

    found = publish(promoted(tmp_path), tmp_path, [Broken(name="oci"), MemoryPublisher()], PLAIN)
    assert targets(found) == {"oci": "failed", "memory": "published"}
    assert found.targets[0].reason == "KeyError: 'nobody knows'"


def test_a_place_that_gives_back_other_bytes_is_told_apart(tmp_path: Path) -> None:
    rotten = MemoryPublisher(damage="config.json")
    found = publish(promoted(tmp_path), tmp_path, [rotten], PLAIN)
    assert not found.ok
    (target,) = found.differing
    assert "config.json" in target.reason
    assert rotten.latest == ""
    assert Records(tmp_path).of(BUILD)["memory"].state == "differs"


def test_only_promoted_builds_are_published(tmp_path: Path) -> None:
    memory = MemoryPublisher()
    found = publish(promoted(tmp_path, decision="HOLD"), tmp_path, [memory], PLAIN)
    assert found.problem == f"build {BUILD} was not promoted (HOLD), so there is nothing to publish"
    assert memory.puts == 0


def test_a_leaf_whose_licence_is_not_accepted_stops_it(tmp_path: Path) -> None:
    bad = leaf("knowledge/songs", "eve", 13, "Title of work: Songs\nLicense of the work: CC-BY-NC-4.0")
    build, memory = promoted(tmp_path, leaves=(*LEAVES, bad)), MemoryPublisher()
    for dry in (True, False):
        found = publish(build, tmp_path, [memory], PLAIN, dry_run=dry)
        assert "leaf knowledge/songs is under CC-BY-NC-4.0" in found.problem
    assert memory.puts == 0
    assert "knowledge/songs" in Records(tmp_path).of(BUILD)["release"].reason
    wider = Options(kinds=(), policy=Policy((*Policy().allowed, "CC-BY-NC-4.0")))
    assert publish(build, tmp_path, [memory], wider).ok


def test_a_dry_run_does_nothing(tmp_path: Path) -> None:
    memory = MemoryPublisher()
    found = publish(promoted(tmp_path), tmp_path, [memory], PLAIN, dry_run=True)
    assert targets(found) == {"memory": "would publish"}
    assert found.ok
    assert memory.puts == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["builds", "publish.lock"]


def test_again_publishes_what_the_record_has(tmp_path: Path) -> None:
    build, memory = promoted(tmp_path), MemoryPublisher()
    publish(build, tmp_path, [memory], PLAIN)
    memory.kept.clear()
    assert targets(publish(build, tmp_path, [memory], PLAIN)) == {"memory": "already"}
    assert targets(publish(build, tmp_path, [memory], PLAIN, again=True)) == {"memory": "published"}
    assert BUILD in memory.kept


def test_another_key_makes_another_release(tmp_path: Path) -> None:
    build, memory = promoted(tmp_path), MemoryPublisher()
    publish(build, tmp_path, [memory], PLAIN)
    key = key_file(tmp_path / "operator.key")
    found = publish(build, tmp_path, [memory], Options(kinds=(), key=key))
    assert targets(found) == {"memory": "published"}
    assert found.signer == signing.key_id(signing.read_public_key(key))
    assert {"provenance.dsse.json", "signing-key.pub"} <= memory.kept[BUILD].keys()
    assert "provenance.intoto.json" not in memory.kept[BUILD]


def test_a_key_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    found = publish(promoted(tmp_path), tmp_path, [MemoryPublisher()], Options(kinds=(), key=tmp_path / "none.key"))
    assert "openssl genpkey" in found.problem


def test_one_publishing_at_a_time(tmp_path: Path) -> None:
    build = promoted(tmp_path)
    with (tmp_path / "publish.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PublishError, match="is being published"):
            publish(build, tmp_path, [], PLAIN)


def test_a_kill_halfway_leaves_nothing_that_counts(tmp_path: Path) -> None:
    """A folder of the release that was not finished is no release, and one that rots is made again."""
    build, bad = promoted(tmp_path), MemoryPublisher(refusal="later")
    publish(build, tmp_path, [bad], PLAIN)
    (folder,) = (tmp_path / "releases").iterdir()
    (folder / "CREDITS.json").write_text("rot")
    folder.with_name(f".{folder.name}.partial").mkdir()
    folder.with_name("000000000000-of-another-build").mkdir()
    bad.refusal = ""
    found = publish(build, tmp_path, [bad], PLAIN)
    assert found.ok
    assert list((tmp_path / "releases").iterdir()) == []
    assert json.loads(bad.kept[BUILD]["CREDITS.json"])["build"] == BUILD


def test_the_build_itself_never_changes(tmp_path: Path) -> None:
    build = promoted(tmp_path)
    before = {path: path.read_bytes() for path in build.rglob("*") if path.is_file()}
    publish(build, tmp_path, [FolderPublisher(tmp_path / "out")], tools=tools({"q4_0": 0.5}))
    (tmp_path / "out" / BUILD / "model.safetensors").write_bytes(b"somebody's own")
    assert {path: path.read_bytes() for path in build.rglob("*") if path.is_file()} == before


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("{")
    with pytest.raises(PublishError, match=r"published\.json cannot be read .*; move it aside"):
        publish(promoted(tmp_path), tmp_path, [MemoryPublisher()], PLAIN)


def test_records_keep_the_time_of_what_did_not_change(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.write("b", "folder", Entry("/x", "published", at="first"))
    records.write("b", "folder", Entry("/x", "published", at="second"))
    assert records.of("b")["folder"].at == "first"
    records.write("b", "folder", Entry("/x", "failed", at="third"))
    assert records.of("b")["folder"].at == "third"


def test_probes_are_of_leaves_and_of_general_chat(tmp_path: Path) -> None:
    probes = read_probes(promoted(tmp_path))
    assert {probe.suite for probe in probes} == {"heldout", "general"}
    assert len(probes) == 6
    assert probes[0].choices == ("No.",)
    assert read_probes(tmp_path / "builds" / BUILD) == probes
