"""What `seedbed lint` judges: files read from disk, their git modes, the tree around them. Follows no link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bot.cli.lint_git import changed_since, trusts_file_modes
from validators.limits import LIMITS
from validators.model import Change, Commit, Finding
from validators.paths import ATTRIBUTION_FILE, BRANCHES, CONFIG_FILE, LEAF_FILE, branch_of, is_judged

MOST_BYTES = LIMITS.file_bytes + 1
"""What is read of a file: one byte more than the linter takes."""
LINK, EXECUTABLE, PLAIN, SUBMODULE = "120000", "100755", "100644", "160000"
_SKIPPED_FOLDERS = {".git", ".venv", "node_modules", "__pycache__"}


class UsageError(Exception):
    """The command cannot be carried out as given; the message says why."""


@dataclass(slots=True)
class Taxonomy:
    """Files of one taxonomy, read from disk. Paths are POSIX and relative to `root`."""

    root: Path
    files: dict[str, bytes] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    """What to judge; deleted files are among it."""
    modes: dict[str, str] = field(default_factory=dict)
    """Git modes of what is judged."""
    tree: set[str] = field(default_factory=set)
    """Every path that is known to lie in the taxonomy."""
    commits: tuple[Commit, ...] = ()
    unread: dict[str, Finding] = field(default_factory=dict)
    """Findings on what cannot be read, by path: links, devices, files without permission."""
    places: dict[str, str] = field(default_factory=dict)
    """Where each file of `files` lies: a name that is no UTF-8 has another path there than here."""

    def change(self) -> Change:
        """What the linter is told beside the contents."""
        return Change(self.modes, frozenset(self.tree), self.commits)


def gather(paths: Iterable[Path], base: str | None) -> list[Taxonomy]:
    """What to judge, read, by taxonomy. Raises UsageError for a path or a revision that is not there."""
    taxonomies: dict[Path, Taxonomy] = {}
    places: dict[Path, list[Path]] = {}
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path} does not exist")
        # The link itself is looked at, never what it points to; only its folder is made absolute.
        place = path.resolve() if path.is_dir() else path.parent.resolve() / path.name
        root = taxonomy_root(place)
        taxonomies.setdefault(root, Taxonomy(root))
        places.setdefault(root, []).append(place)
    for root, taxonomy in taxonomies.items():
        if base is None:
            _from_disk(taxonomy, places[root])
        else:
            _from_git(taxonomy, places[root], base)
    return list(taxonomies.values())


def taxonomy_root(place: Path) -> Path:
    """The taxonomy around a path.

    In a repository it is the topmost folder with a tree in it, so that a leaf has one path from wherever it is looked
    at; elsewhere the nearest. Where no tree is, it is the repository, or the folder itself.
    """
    folder = place if place.is_dir() else place.parent
    found: list[Path] = []
    for candidate in (folder, *folder.parents):
        if any((candidate / branch).is_dir() for branch in BRANCHES):
            found.append(candidate)
        if (candidate / ".git").exists():
            return found[-1] if found else candidate
    return found[0] if found else folder


def _from_disk(taxonomy: Taxonomy, places: list[Path]) -> None:
    """Everything at or below the places; the taxonomy's trees as far as they lie elsewhere are only listed."""
    root = str(taxonomy.root)
    found: dict[str, str] = {}
    for place in places:
        name = _name(taxonomy.root, place)
        if place.is_dir() and not place.is_symlink():
            found |= _walk(root, name)
        else:
            _must_be_leaf(taxonomy.root, name)
            found[name] = _mode(place.lstat().st_mode)
    if EXECUTABLE in found.values() and not trusts_file_modes(taxonomy.root):
        found = {name: PLAIN if mode == EXECUTABLE else mode for name, mode in found.items()}
    if taxonomy.root not in places:
        taxonomy.tree.update(_posix(name) for branch in BRANCHES for name in _walk(root, branch, modes=False))
    for name, mode in found.items():
        _take(taxonomy, name, mode)
    taxonomy.tree.update(taxonomy.changed)


def _name(root: Path, place: Path) -> str:
    """A place as a name below the root; "" for the root itself."""
    return "" if place == root else place.relative_to(root).as_posix()


def _from_git(taxonomy: Taxonomy, places: list[Path], base: str) -> None:
    """What differs from `base` at or below the places."""
    since = changed_since(taxonomy.root, base)
    taxonomy.tree.update(_posix(name) for name in since.tree)
    taxonomy.commits = since.commits
    prefixes = [_name(taxonomy.root, place) for place in places]
    for name, mode in since.modes.items():
        if any(not prefix or name == prefix or name.startswith(f"{prefix}/") for prefix in prefixes):
            _take(taxonomy, name, mode)


def _must_be_leaf(root: Path, name: str) -> None:
    path = _posix(name)
    if not (is_judged(path) or branch_of(path) or path.rpartition("/")[2] == ATTRIBUTION_FILE):
        raise UsageError(f"{root / name} is no leaf: a leaf is a file {LEAF_FILE} in a folder of its own")


def _walk(root: str, below: str, *, modes: bool = True) -> dict[str, str]:
    """Name and git mode of every file and link below a folder; links are not followed, repositories not entered.

    A name keeps its bytes (`os.fsdecode`). Without `modes` no file is looked at and most modes are "".
    """
    found: dict[str, str] = {}
    folders = [below]
    while folders:
        folder = folders.pop()
        entries = _entries(f"{root}/{folder}")
        if folder != below and any(entry.name == ".git" for entry in entries):
            found[folder] = SUBMODULE
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_symlink():
                found[name] = LINK
            elif not entry.is_dir(follow_symlinks=False):
                found[name] = _mode(entry.stat(follow_symlinks=False).st_mode) if modes else ""
            elif entry.name not in _SKIPPED_FOLDERS:
                folders.append(name)
    return found


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What lies in a folder; nothing where it is none, or closed to us."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _mode(mode: int) -> str:
    """The git mode of a file; "" for what git cannot hold."""
    if stat.S_ISLNK(mode):
        return LINK
    if not stat.S_ISREG(mode):
        return ""
    return EXECUTABLE if mode & 0o111 else PLAIN


def _take(taxonomy: Taxonomy, name: str, mode: str) -> None:
    """Note something to judge; read it if it is a leaf's file, with the attribution beside it."""
    path = _posix(name)
    taxonomy.changed.add(path)
    if mode:
        taxonomy.modes[path] = mode
    folder, _, last = name.rpartition("/")
    beside = f"{folder}/" if folder else ""
    if last == ATTRIBUTION_FILE:
        # Judges the leaf beside it; that it may be deleted is the point.
        _read(taxonomy, beside + LEAF_FILE)
        _read(taxonomy, name)
    elif is_judged(path):
        _read(taxonomy, name)
        _read(taxonomy, beside + ATTRIBUTION_FILE)
    elif name == CONFIG_FILE or ("ttribut" in last.casefold() and branch_of(path)):
        _read(taxonomy, name)  # an attribution under another name; a fix may move it


def _read(taxonomy: Taxonomy, name: str) -> None:
    """Read one file. What is no plain file is a finding; a file that is not there is none."""
    path = _posix(name)
    if path in taxonomy.files or path in taxonomy.unread:
        return
    place = f"{taxonomy.root}/{name}"
    try:
        data = read_plain(place)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        taxonomy.unread[path] = _unread(path, f"the file cannot be read: {error.strerror}", "")
        return
    if data is None:
        taxonomy.unread[path] = _unread(path, "this is no plain file", "Put the file itself here, not a link.")
        return
    taxonomy.files[path], taxonomy.places[path] = data, place


def read_plain(place: str | Path) -> bytes | None:
    """At most MOST_BYTES of a plain file; None for a link, a device, a pipe or a folder. Raises OSError."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        if stat.S_ISREG(os.lstat(place).st_mode):
            raise
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        parts = []
        left = MOST_BYTES
        while left and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _unread(path: str, message: str, remedy: str) -> Finding:
    return Finding("unreadable", "error", path, 1, 1, 1, 1, message, remedy)


def _posix(name: str) -> str:
    """A name as text; bytes that are no text become U+FFFD."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "replace")
