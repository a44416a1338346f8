"""Small promoted builds, and tools that write and score pretended GGUF files, for the tests of publishing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.manifest import canonical
from pipeline.provenance.record import BuildRecord, FileEntry, describe_files, read_record
from pipeline.publishing.gguf.kinds import Kind
from pipeline.publishing.gguf.make import GgufJob, Tools
from pipeline.publishing.gguf.tensors import GgufError
from pipeline.publishing.port import Release
from pipeline.publishing.release import digest_of

BUILD = "abc123def456"
DATE = "2024-04-25T12:00:00Z"
CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are kind.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
)
OWN = "Title of work: greetings\nLicense of the work: CC-BY-4.0\nCreator names: Ada"


def leaf(path: str, author: str, pull: int | None, attribution: str = OWN) -> dict[str, Any]:
    key = hashlib.sha256(path.encode()).hexdigest()
    return {
        "path": path,
        "kind": "freeform",
        "leaf_key": key,
        "origin": {"commit": "0" * 40, "pull": pull, "author": author},
        "samples": 20,
        "rejected": 3,
        "heldout": 4,
        "notes": [],
        "attribution": attribution,
    }


LEAVES = (
    leaf("compositional_skills/greetings", "ada", 7),
    leaf("compositional_skills/rhymes", "ada", 9),
    leaf("knowledge/winds", "cleo", 15),
    leaf("knowledge/tides", "ben", 12, "Title of work: Tides\nLicense of the work: CC-BY-SA-4.0 \nCreator names: W, V"),
)


def row(group: str, change: tuple[float, float, float], suite: str = "heldout", n: int = 4) -> dict[str, Any]:
    mean, low, high = change
    interval = {"mean": mean, "low": low, "high": high}
    return {
        "group": group,
        "suite": suite,
        "n": n,
        "units": n,
        "before": 3.0,
        "after": 3.0 + mean,
        "change": interval,
    }


ROWS = (
    row("compositional_skills/greetings", (-0.6, -0.9, -0.3)),
    row("compositional_skills/rhymes", (0.2, 0.1, 0.3), n=2),
    row("knowledge/winds", (-0.4, -0.4, -0.4), n=1),
    row("facts", (0.0, -0.1, 0.1), suite="general", n=30),
)


def promoted(
    state: Path, build_id: str = BUILD, *, leaves: tuple[dict[str, Any], ...] = LEAVES, decision: str = "PROMOTE"
) -> Path:
    """A build folder as `run_build` leaves one, with a model that nobody can load."""
    folder = state / "builds" / build_id
    model = folder / "model"
    model.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(canonical(_manifest(build_id, leaves)))
    verdict = {
        "build_id": build_id,
        "decision": decision,
        "reasons": ["Better."],
        "against": "base",
        "rows": list(ROWS),
    }
    (folder / "verdict.json").write_bytes(canonical(verdict))
    (folder / "scores.json").write_bytes(canonical([_item(number) for number in range(6)]))
    for name in ("README.md", "MODEL_CARD.md"):
        (model / name).write_text(f"---\nlicense: apache-2.0\n---\n# Build {build_id}\n")
    (model / "config.json").write_text("{}")
    (model / "tokenizer_config.json").write_text("{}")
    (model / "chat_template.jinja").write_text(CHATML)
    (model / "model.safetensors").write_bytes(b"weights of " + build_id.encode())
    return folder


def _manifest(build_id: str, leaves: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {
        "build_id": build_id,
        "inputs": {
            "taxonomy_commit": "c" * 40,
            "leaves": [[one["path"], one["leaf_key"]] for one in leaves],
            "base": {"name": "SmolLM2-135M-Instruct", "digest": "d" * 64, "licence": "apache-2.0"},
            "recipe": {"name": "tiny-cpu", "threads": 2},
        },
        "champion": None,
        "leaves": list(leaves),
        "outputs": {
            "mixture": {"digest": "e" * 64, "counts": {one["path"]: {"samples": 18, "seeds": 4} for one in leaves}},
            "train": {"digest": "f" * 64},
        },
        "environment": {"python": "3.11.7", "seedbed": "0.1.0", "torch": "2.13.0+cpu", "transformers": "5.19.0"},
    }


def _item(number: int) -> dict[str, Any]:
    suite = "heldout" if number % 2 else "general"
    item = {
        "id": f"q{number}",
        "suite": suite,
        "group": "g",
        "question": "Why?",
        "reference": "So.",
        "choices": ["No."],
    }
    return item | {"base": {}, "candidate": {}}


def record(state: Path, **options: Any) -> BuildRecord:
    return read_record(promoted(state, **options), DATE)


def tools(rises: Mapping[str, float] | None = None, calls: list[str] | None = None) -> Tools:
    """GGUF files of a few bytes that score worse by `rises` of their kind; `broken` in `rises` fails to be written."""
    rises = rises or {}

    def write(job: GgufJob, kind: Kind, out: Path) -> None:
        if calls is not None:
            calls.append(kind)
        if f"broken {kind}" in rises:
            raise GgufError("no place for the tensor x")
        out.write_bytes(f"GGUF {kind} {job.version}".encode())

    def score(job: GgufJob, model: Path) -> list[float]:
        rise = 0.0 if model.is_dir() else rises.get(model.read_bytes().split()[1].decode(), 0.0)
        return [2.0 + rise for _ in job.probes]

    return Tools(write, score)


def release(folder: Path, build_id: str = BUILD, files: Mapping[str, bytes] | None = None) -> Release:
    """A release of a few files, among them large ones and one in a folder."""
    files = files or {
        "README.md": b"---\nlicense: apache-2.0\n---\n# A model\n",
        "model.safetensors": b"weights of " + build_id.encode(),
        "gguf/x-Q8_0.gguf": b"GGUF " + build_id.encode(),
        "gguf/Modelfile": b"FROM ./x-Q8_0.gguf\n",
        "empty.txt": b"",
    }
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    entries: tuple[FileEntry, ...] = describe_files(folder, files)
    return Release(build_id, folder, entries, digest_of(entries))


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]
