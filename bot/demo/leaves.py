"""The leaves that a demo contributes: the bundled ones, or the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from validators.paths import BRANCHES, leaf_path

BUNDLED = Path(__file__).parent / "leaves"
HANDBOOK = Path(__file__).parent / "handbook"


class LeafFolderError(Exception):
    """A folder is no leaf. The message says what is expected."""


@dataclass(frozen=True, slots=True)
class DemoLeaf:
    """A leaf folder: `path` in the taxonomy, and its files by name."""

    path: str
    files: Mapping[str, bytes]

    @property
    def branch(self) -> str:
        """Name of the git branch that it is contributed on."""
        return "add-" + self.path.rsplit("/", 1)[-1].replace("_", "-")

    def tree(self) -> dict[str, bytes]:
        """Files by path in the taxonomy."""
        return {f"{self.path}/{name}": content for name, content in self.files.items()}

    def with_faults(self) -> dict[str, bytes | None]:
        """The leaf with two typical faults: spaces at a line's end, and no attribution.txt."""
        lines = self.files["qna.yaml"].split(b"\n")
        lines[0] = lines[0].rstrip() + b"  "
        return {f"{self.path}/qna.yaml": b"\n".join(lines)}


def read(folders: Sequence[Path]) -> list[DemoLeaf]:
    """Leaves from folders, in the given order. Raises `LeafFolderError`."""
    return [_read(folder.resolve()) for folder in folders]


def bundled(document_repo: str, document_commit: str) -> list[DemoLeaf]:
    """The bundled leaves, the knowledge leaf pointing to the handbook that the demo serves."""
    found = [_read(qna.parent) for qna in sorted(BUNDLED.rglob("qna.yaml"), reverse=True)]
    return [_pointing_to(leaf, document_repo, document_commit) for leaf in found]


def _pointing_to(leaf: DemoLeaf, repo: str, commit: str) -> DemoLeaf:
    text = leaf.files["qna.yaml"].decode()
    text = text.replace("https://handbook.invalid/tarn/handbook", repo).replace("0" * 40, commit)
    kept = [line for line in text.split("\n") if not line.lstrip().startswith("# `seedbed demo` puts")]
    return DemoLeaf(leaf.path, {**leaf.files, "qna.yaml": "\n".join(kept).encode()})


def _read(folder: Path) -> DemoLeaf:
    if not (folder / "qna.yaml").is_file():
        raise LeafFolderError(
            f"{folder} holds no qna.yaml. Name the folder of a leaf, such as knowledge/arts/my_topic."
        )
    path = leaf_path(folder.parts)
    if path is None:
        raise LeafFolderError(
            f"{folder} does not lie below {', '.join(BRANCHES[:-1])} or {BRANCHES[-1]}, so its place in a taxonomy is "
            "unknown. Put it in such a folder, for instance knowledge/arts/my_topic."
        )
    names = [n for n in ("qna.yaml", "attribution.txt") if (folder / n).is_file()]
    return DemoLeaf(path, {n: (folder / n).read_bytes() for n in names})
