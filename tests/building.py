"""Small taxonomies, datasets and models for the tests of the build."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from pipeline.generate import LeafDataset, Origin
from pipeline.recipe import Recipe
from pipeline.samples import Sample
from pipeline.teacher.port import Message
from validators import QA, Leaf, Seed
from validators.model import Span

QUIET = Recipe(name="test", epochs=2, batch=4, micro_batch=2, threads=1, leaf_rows=20)


def no_progress(doing: str, fraction: float) -> None:
    assert doing
    assert 0 <= fraction <= 1


def freeform(name: str = "greetings", seeds: int = 8) -> Leaf:
    return Leaf(
        path=f"compositional_skills/{name}",
        kind="freeform",
        version=3,
        created_by="ada",
        task_description=f"Greet in the way of the {name}.",
        domain="",
        document_outline="",
        document=None,
        seeds=tuple(
            Seed(i, "", (QA(f"{name} {WORDS[i]} {WORDS[-1 - i]}?", f"They wave at {WORDS[i]} twice."),), Span())
            for i in range(seeds)
        ),
        attribution="Title of work: greetings\nLicense of the work: CC-BY-4.0\nCreator names: Ada",
    )


WORDS = (
    "amber",
    "birch",
    "cedar",
    "dune",
    "ember",
    "fjord",
    "grove",
    "heath",
    "islet",
    "jetty",
    "knoll",
    "lagoon",
    "marsh",
    "notch",
    "orchard",
    "pine",
    "quarry",
    "ridge",
    "shoal",
    "tarn",
)


def dataset_of(leaf: Leaf, samples: int = 6, key: str = "k1") -> LeafDataset:
    rows = tuple(
        Sample(
            messages=(
                Message("user", f"Tell me of {leaf.path} custom number {WORDS[i]} and {WORDS[-2 - i]}."),
                Message("assistant", f"In {WORDS[i]} people share {WORDS[-1 - i]} bread."),
            ),
            place=(i,),
            task="qa",
            leaf=leaf.path,
            kind=leaf.kind,
            leaf_key=key,
            commit="0" * 40,
            pull=7,
            author="ada",
            licence="CC-BY-4.0",
            document=None,
            document_note="",
            span=None,
            chunk=None,
            seeds=(0, 1),
            teacher="scripted",
            teacher_fingerprint="f",
            flow="freeform@1",
            trace=(("question", f"r{i}"),),
        )
        for i in range(samples)
    )
    return LeafDataset(leaf.path, key, leaf.kind, rows, (), notes=("document unreachable: seed contexts alone",))


def origin(pull: int = 7) -> Origin:
    return Origin("0" * 40, pull, "ada")


def bare_repository(path: Path) -> str:
    """A bare repository with one commit on main; returns the commit."""

    def git(*arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            ["git", "--git-dir", str(path), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
            env={
                "PATH": "/usr/bin:/bin:/usr/local/bin",
                **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in IDENTITY.items()},
            },
        )
        return done.stdout.strip()

    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True)
    blob = git("hash-object", "-w", "--stdin", stdin="a taxonomy\n")
    tree = git("mktree", stdin=f"100644 blob {blob}\tREADME.md\n")
    commit = git("commit-tree", tree, "-m", "first")
    git("update-ref", "refs/heads/main", commit)
    return commit


IDENTITY = {"NAME": "Ada", "EMAIL": "ada@example.org", "DATE": "1700000000 +0000"}


def pretend_model(path: Path) -> Path:
    """A folder that passes for a model as long as nobody loads it."""
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    words = {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}
    (path / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": words}))
    (path / "model.safetensors").write_bytes(b"weights")
    return path


def write_mixture(path: Path, rows: int = 8) -> Path:
    lines = [
        json.dumps(
            {
                "id": f"row-{i}",
                "messages": [
                    {"role": "user", "content": f"What colour has the {WORDS[i % 20]} flag?"},
                    {"role": "assistant", "content": f"It is {'dark ' * (i % 3)}{WORDS[(i + 5) % 20]}."},
                ],
            }
        )
        for i in range(rows)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path
