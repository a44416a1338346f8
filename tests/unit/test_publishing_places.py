"""Places by name, Ollama by its command, plug-ins as the documentation shows one, and `seedbed publish`."""

from __future__ import annotations

import json
import re
import shlex
import stat
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bot.cli.main import main, parser
from bot.release_settings import ReleaseSettings
from bot.releasing import options_of, places_of, publish_build
from bot.settings import Releasing, SettingsError, load_releasing
from pipeline.publishing import places
from pipeline.publishing.folder import FolderPublisher
from pipeline.publishing.hub import HubPublisher
from pipeline.publishing.ollama import OllamaPublisher
from pipeline.publishing.places import Access, publishers
from pipeline.publishing.port import PublishError
from pipeline.registry import Registry
from tests.hub_server import TOKEN
from tests.releases import BUILD, promoted, release
from tests.unit.test_provenance_signing import key_file

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "publish-a-model.md"


def quiet(doing: str, fraction: float) -> None:
    assert doing


def program(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_places_by_name(tmp_path: Path) -> None:
    access = Access(tmp_path, "https://hub.example", TOKEN, True)
    found = publishers(["folder", "hub=o/n", "ollama=seedbed"], access)
    assert found == [
        FolderPublisher(tmp_path),
        HubPublisher("o/n", "https://hub.example", TOKEN, True),
        OllamaPublisher("seedbed"),
    ]
    assert publishers([f"folder={tmp_path}/x"], access) == [FolderPublisher(tmp_path / "x")]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["nowhere"], 'no publisher "nowhere" .there are folder, hub, ollama'),
        (["hub"], "hub needs owner/name, written hub=owner/name"),
        (["folder", "folder=/x"], "one place of a kind"),
    ],
)
def test_a_place_that_does_not_exist_is_told(tmp_path: Path, wanted: list[str], said: str) -> None:
    with pytest.raises(PublishError, match=said):
        publishers(wanted, Access(tmp_path))


def test_a_hub_that_is_not_there_is_told(tmp_path: Path) -> None:
    gone = HubPublisher("o/n", "http://127.0.0.1:1", TOKEN)
    with pytest.raises(PublishError, match=r"http://127\.0\.0\.1:1/o/n cannot be reached.*tries again"):
        gone.put(release(tmp_path), quiet)


OLLAMA = """
import hashlib, json, pathlib, sys
kept = pathlib.Path(__file__).with_name("kept.json")
models = json.loads(kept.read_text()) if kept.exists() else {}
what, name, *rest = sys.argv[1:]
if what == "create":
    file = pathlib.Path(rest[1])
    weights = file.parent / file.read_text().splitlines()[0].removeprefix("FROM ./")
    models[name] = hashlib.sha256(weights.read_bytes()).hexdigest()
elif what == "cp":
    models[rest[0]] = models[name]
elif name not in models:
    sys.exit("Error: model not found")
else:
    print(f"# Modelfile\\nFROM /usr/share/ollama/blobs/sha256-{models[name]}\\nTEMPLATE x")
kept.write_text(json.dumps(models))
"""


def test_ollama_gets_each_build_and_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin", "ollama", OLLAMA, monkeypatch)
    made, place = release(tmp_path / "r"), OllamaPublisher("seedbed")
    reference = place.put(made, quiet)
    assert reference == f"seedbed:build-{BUILD}"
    assert place.check(made, reference) == ()
    place.seal(made, reference)
    kept = json.loads((tmp_path / "bin" / "kept.json").read_text())
    assert kept == dict.fromkeys((reference, "seedbed:latest"), made.sums()["gguf/x-Q8_0.gguf"])
    assert place.check(release(tmp_path / "other", "222222222222"), reference) == ("gguf/x-Q8_0.gguf",)
    with pytest.raises(PublishError, match=r"ollama show failed .*model not found.*is `ollama serve` running"):
        place.check(made, "seedbed:unknown")


def test_without_ollama_or_gguf_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = OllamaPublisher("seedbed")
    with pytest.raises(PublishError, match=r"no GGUF file .*checks\.json says why"):
        place.put(release(tmp_path / "r", files={"README.md": b"x"}), quiet)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PublishError, match="ollama is not on the PATH"):
        place.put(release(tmp_path / "s"), quiet)


ORAS = """
import json, pathlib, shutil, sys
registry = pathlib.Path(__file__).with_name("registry")
what, reference, *rest = sys.argv[1:]
name, tag = reference.rsplit(":", 1)
folder = registry / name / tag
if what == "push":
    for path in rest:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path)
elif what == "pull":
    shutil.copytree(folder, rest[1], dirs_exist_ok=True)
else:
    shutil.copytree(folder, registry / name / rest[0])
"""


def test_the_plug_in_of_the_documentation_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"```python\n(\"\"\"seedbed_oci.*?)```", HOW_TO.read_text(), re.DOTALL)
    assert found
    module = types.ModuleType("seedbed_oci")
    monkeypatch.setitem(sys.modules, "seedbed_oci", module)
    exec(compile(found[1], "seedbed_oci.py", "exec"), module.__dict__)
    point = EntryPoint("oci", "seedbed_oci:OciPublisher", places.GROUP)
    monkeypatch.setattr(places, "entry_points", lambda group: [point] if group == places.GROUP else [])
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin", "oras", ORAS, monkeypatch)
    (place,) = publishers(["oci=ghcr.io/owner/model"], Access(tmp_path))
    made = release(tmp_path / "r")
    reference = place.put(made, quiet)
    assert reference == f"ghcr.io/owner/model:build-{BUILD}"
    assert place.check(made, reference) == ()
    place.seal(made, reference)
    registry = tmp_path / "bin" / "registry" / "ghcr.io" / "owner" / "model"
    assert (registry / "latest" / "model.safetensors").is_file()
    (registry / f"build-{BUILD}" / "README.md").write_text("rot")
    assert place.check(made, reference) == ("README.md",)


def test_a_plug_in_that_does_not_load_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("s3", "seedbed_s3_that_is_not_there:make", places.GROUP)
    monkeypatch.setattr(places, "entry_points", lambda group: [point])
    with pytest.raises(PublishError, match=r"publisher s3 \(seedbed_s3_that_is_not_there:make\) does not load"):
        publishers(["s3"], Access(tmp_path))


@pytest.mark.parametrize("name", sorted(ReleaseSettings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    description = ReleaseSettings.model_fields[name].description
    assert f"`SEEDBED_{name.upper()}`" in HOW_TO.read_text()
    assert str(description) in HOW_TO.read_text()


def test_the_commands_of_the_page_are_as_the_program_takes_them() -> None:
    found = re.findall(r"^(seedbed publish.*)$|`(seedbed publish[^`\n]*)`", HOW_TO.read_text(), re.MULTILINE)
    lines = [line or other for line, other in found]
    assert len(lines) >= 5
    for line in lines:
        argv = shlex.split(line.partition("  #")[0])[1:]
        assert parser(argv).parse_args(argv).run


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder whose champion is a build, and settings for it."""
    promoted(tmp_path)
    registry = Registry(tmp_path / "registry")
    registry.folder.mkdir()
    (registry.folder / "aliases.json").write_text(json.dumps({"champion": BUILD}))
    monkeypatch.setenv("SEEDBED_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SEEDBED_GGUF_KINDS", "")
    return tmp_path


def test_settings_become_places_and_options(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_PUBLISH_TO", "folder, hub=o/n")
    monkeypatch.setenv("SEEDBED_HUB_TOKEN", TOKEN)
    monkeypatch.setenv("SEEDBED_SIGNING_KEY", "")
    settings = load_releasing(publish_taxonomy_url="https://example.org")
    assert [place.name for place in places_of(settings, state)] == ["folder", "hub"]
    assert TOKEN not in repr(settings)
    options = options_of(settings)
    assert (options.kinds, options.key, options.taxonomy_url) == ((), None, "https://example.org")
    with pytest.raises(SettingsError, match="gguf_kinds"):
        load_releasing(gguf_kinds="q2")


def test_a_build_is_published_as_the_settings_say(state: Path) -> None:
    found = publish_build(Releasing(), state, BUILD)
    assert found.ok
    assert (state / "published" / "latest" / "CREDITS.json").is_file()
    with pytest.raises(SettingsError, match=r"publish_to has no place 'hub' \(it has folder\)"):
        publish_build(Releasing(), state, BUILD, only=["hub"])


def test_the_command_publishes_the_champion(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", "--dry-run"]) == 0
    assert capsys.readouterr().out == f"would publish: build {BUILD}, folder {state}/published\n"
    assert main(["publish"]) == 0
    said = capsys.readouterr()
    assert said.out == f"published: build {BUILD}, folder {state}/published\n"
    assert "NOT SIGNED" in said.err
    assert main(["publish", BUILD, "--to", "folder", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["ok"], told["targets"][0]["outcome"]) == (1, True, "already")


def test_the_command_says_what_went_wrong(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "published").write_text("in the way")
    assert main(["publish"]) == 1
    assert f"failed: build {BUILD}, folder" in capsys.readouterr().err
    assert main(["publish", "--to", "hub"]) == 2
    assert main(["publish", "0123"]) == 2
    assert "there is no build '0123'" in capsys.readouterr().err
    monkeypatch.setenv("SEEDBED_LICENCES_ALLOWED", "MIT")
    assert main(["publish"]) == 1
    assert "leaf compositional_skills/greetings is under CC-BY-4.0" in capsys.readouterr().err
    (state / "registry" / "aliases.json").write_text("{}")
    assert main(["publish"]) == 2
    assert "there is no champion yet" in capsys.readouterr().err


def test_the_command_verifies_what_somebody_published(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDBED_SIGNING_KEY", str(key_file(state / "operator.key")))
    assert main(["publish"]) == 0
    assert "NOT SIGNED" not in capsys.readouterr().err
    latest = state / "published" / "latest"
    check = ["publish", "--verify", str(latest / "provenance.dsse.json")]
    assert main([*check, "--key", str(latest / "signing-key.pub")]) == 0
    assert capsys.readouterr().out.startswith(f"build {BUILD}: signed by key ")
    assert main(check) == 1
    assert "name the operator's public key" in capsys.readouterr().err
    (latest / "config.json").write_text('{"changed": true}')
    assert main([*check, "--key", str(latest / "signing-key.pub")]) == 1
    assert "config.json is not the file" in capsys.readouterr().err


def test_an_unsigned_release_cannot_be_vouched_for(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish"]) == 0
    capsys.readouterr()
    statement = state / "published" / "latest" / "provenance.intoto.json"
    assert main(["publish", "--verify", str(statement), "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["build"] == BUILD
    assert "NOT SIGNED" in said.err
    assert main(["publish", "--key", "x"]) == 2
