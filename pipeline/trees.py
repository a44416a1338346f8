"""Git objects made in a bare repository without a checkout: blobs in one process, trees one process a level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline.git import Repository, run

Line = tuple[str, str, str, str]  # mode, kind, object name, file name
FILE, FOLDER = "100644", "040000"


def write_blobs(repo: Repository, contents: Sequence[bytes]) -> list[str]:
    """Object names of `contents`, written where they are not there yet. Raises `GitError`."""
    if not contents:
        return []
    stream = bytearray()
    for mark, data in enumerate(contents, 1):
        stream += b"blob\nmark :%d\ndata %d\n%s\nget-mark :%d\n" % (mark, len(data), data, mark)
    return run(["fast-import", "--quiet", "--done"], at=repo.path, stdin=bytes(stream) + b"done\n").decode().split()


def write_tree(repo: Repository, files: Mapping[str, bytes]) -> str:
    """The tree of `files` by POSIX path. Raises `ValueError` on a path that no tree can hold, `GitError`."""
    blobs = dict(zip(files, write_blobs(repo, list(files.values())), strict=True))
    folders: dict[tuple[str, ...], dict[str, Line]] = {(): {}}
    for path, sha in blobs.items():
        *above, name = _parts(path)
        for depth in range(len(above) + 1):
            folders.setdefault(tuple(above[:depth]), {})
        folders[tuple(above)][name] = (FILE, "blob", sha, name)
    for depth in range(max(map(len, folders)), 0, -1):
        level = [folder for folder in folders if len(folder) == depth]
        for folder, sha in zip(level, make_trees(repo, [folders[f].values() for f in level]), strict=True):
            if folder[-1] in folders[folder[:-1]]:
                raise ValueError(f"{'/'.join(folder)} is both a file and a folder")
            folders[folder[:-1]][folder[-1]] = (FOLDER, "tree", sha, folder[-1])
    return make_trees(repo, [folders[()].values()])[0]


def make_trees(repo: Repository, trees: Sequence[Iterable[Line]]) -> list[str]:
    """Object names of trees, each made of its lines. Raises `GitError`."""
    texts = ["".join(f"{mode} {kind} {sha}\t{name}\0" for mode, kind, sha, name in lines) for lines in trees]
    stream = "\0".join(texts) + "\0"
    return run(["mktree", "-z", "--batch"], at=repo.path, stdin=_encoded(stream)).decode().split()


def make_commit(repo: Repository, text: bytes) -> str:
    """The object name of a commit with exactly this text. Raises `GitError`."""
    return run(["hash-object", "-w", "--stdin", "-t", "commit"], at=repo.path, stdin=text).decode().strip()


def list_folder(repo: Repository, commit: str, folder: str = "") -> dict[str, Line]:
    """What lies directly in `folder` at `commit`, by name; empty where there is no such folder."""
    arguments = ["ls-tree", "-z", "--full-tree", commit, *([f"{folder}/"] if folder else [])]
    lines = {}
    for listed in run(arguments, at=repo.path).split(b"\0")[:-1]:
        head, _, path = listed.decode(errors="surrogateescape").partition("\t")
        mode, kind, sha = head.split()
        name = path.rpartition("/")[2]
        lines[name] = (mode, kind, sha, name)
    return lines


def object_at(repo: Repository, commit: str, path: str) -> str | None:
    """The object name of a file or folder at `commit`, None where it is not there."""
    listed = run(["ls-tree", "--full-tree", commit, path], at=repo.path).decode(errors="replace")
    return listed.split()[2] if listed else None


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.casefold() == ".git" or "\0" in part for part in parts):
        raise ValueError(f"{path!r} cannot be a path in the ledger")
    return parts


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
