"""`seedbed lint --fix` and `--diff`: mends files in their place, or shows what mending would change."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from bot.cli.lint_files import MOST_BYTES, Taxonomy, read_plain
from bot.cli.lint_judge import Judged, with_unread
from validators.engine import lint
from validators.fixing import fix
from validators.model import FixResult, LintConfig


def mend(taxonomy: Taxonomy, config: LintConfig) -> Judged:
    """Fix what can be fixed, on disk. Each file is replaced at once: a reader sees the old bytes or the new."""
    result = fix(taxonomy.files, changed=taxonomy.changed, config=config, change=taxonomy.change())
    files, refused = dict(result.files), {}
    for path, old in _changes(taxonomy, result).items():
        data = result.files[path]
        why = put(taxonomy, old, path, data) if old else create(taxonomy, path, data)
        if why:
            refused[path] = f"{old or path}: {why}"
            del files[path]
            if old:
                files[old] = taxonomy.files[old]
    applied, report = result.edits, result.remaining
    if refused:
        applied = tuple(one for one in applied if _last_name(one.path, result.renamed) not in refused)
        left = {_last_name(path, result.renamed) for path in taxonomy.changed} | taxonomy.changed
        report = lint(files, changed=left, config=config, change=taxonomy.change())
    return Judged(taxonomy.root, with_unread(taxonomy, report), files, applied, tuple(refused.values()))


def _last_name(path: str, moves: Mapping[str, str]) -> str:
    """Where a file lies after all moves; they may go round in a circle."""
    for _ in moves:
        path = moves.get(path, path)
    return path


def difference(taxonomy: Taxonomy, config: LintConfig, prefix: str) -> tuple[str, int]:
    """(what `mend` would change as a patch for `git apply`, the number of fixes). Changes nothing.

    `prefix` goes before each path: the way from where the patch is applied to the taxonomy.
    """
    result = fix(taxonomy.files, changed=taxonomy.changed, config=config, change=taxonomy.change())
    parts = []
    for path, old in sorted(_changes(taxonomy, result).items()):
        before = taxonomy.files[old] if old else None
        parts.append(patch(prefix + (old or path), prefix + path, before, result.files[path]))
    return "".join(parts), len(result.edits)


def _changes(taxonomy: Taxonomy, result: FixResult) -> dict[str, str]:
    """The files that a fix changes, moves or adds: path afterwards → path before, "" for a new file."""
    before = {new: old for old, new in result.renamed.items()}
    found = {}
    for path, data in result.files.items():
        old = _last_name(path, before)
        if old not in taxonomy.files:
            found[path] = ""
        elif old != path or data != taxonomy.files[old]:
            found[path] = old
    return found


def create(taxonomy: Taxonomy, path: str, data: bytes) -> str:
    """Write a new file of the taxonomy; why not, or ""."""
    if ".." in path.split("/"):
        return "it lies outside the taxonomy"
    try:
        with open(f"{taxonomy.root}/{path}", "xb") as file:  # noqa: PTH123
            file.write(data)
    except FileExistsError:
        return "it is there already"
    except OSError as error:
        return f"it cannot be written: {error.strerror}"
    return ""


def put(taxonomy: Taxonomy, old: str, new: str, data: bytes) -> str:
    """Write `data` in the place of the file `old` of the taxonomy, and move it to `new`; why not, or ""."""
    was = taxonomy.files[old]
    place = taxonomy.places[old]
    target = place if new == old else f"{taxonomy.root}/{new}"
    try:
        if read_plain(place) != was:
            return "it changed meanwhile, so it was left alone; run the command again"
        if len(was) >= MOST_BYTES and data != was:
            return "it is too large to be mended"
        if target != place and ".." in new.split("/"):
            return f"{new} lies outside the taxonomy"
        if target != place and _taken(place, target):
            return f"{new} is there already"
        if data != was:
            _replace(place, data)
        if target != place:
            Path(place).rename(target)
    except OSError as error:
        return f"it cannot be written: {error.strerror}"
    return ""


def _taken(place: str, target: str) -> bool:
    """Whether something else lies at `target`; on some systems names that differ in case are one file."""
    return os.path.lexists(target) and not os.path.samefile(place, target)  # noqa: PTH121


def _replace(place: str, data: bytes) -> None:
    """Replace a file's content at once and keep its mode. Raises OSError."""
    folder, _, name = place.rpartition("/")
    beside = Path(folder, f".{name}.{os.getpid()}.part")
    mode = stat.S_IMODE(os.lstat(place).st_mode)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        beside.replace(place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def patch(old: str, new: str, before: bytes | None, after: bytes) -> str:
    """One file's part of a patch, as git writes it; text that is no UTF-8 keeps its bytes as surrogates.

    `before` is None for a new file.
    """
    head = [f"diff --git {_quoted('a/' + old)} {_quoted('b/' + new)}"]
    if old != new:
        head += [f"rename from {_quoted(old)}", f"rename to {_quoted(new)}"]
    if before is None:
        head.append("new file mode 100644")
    if before == after:
        return "\n".join(head) + "\n"
    from difflib import unified_diff  # slow to load, and needed here alone

    names = [f"{_quoted(side)}{chr(9) if ' ' in side else ''}" for side in (f"a/{old}", f"b/{new}")]
    lines = unified_diff(
        _lines(before or b""), _lines(after), names[0] if before is not None else "/dev/null", names[1]
    )
    missing = "\n\\ No newline at end of file\n"
    return "\n".join(head) + "\n" + "".join(line if line.endswith("\n") else line + missing for line in lines)


def _lines(data: bytes) -> list[str]:
    """Lines as git sees them, which end with LF alone."""
    text = data.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _quoted(path: str) -> str:
    """A path as git writes it: in quotes, if it has characters that a patch could mistake."""
    if path.isprintable() and not any(c in path for c in '"\\'):
        return path
    escaped = "".join(f"\\{byte:03o}" if byte < 32 or byte in (34, 92, 127) else chr(byte) for byte in path.encode())
    return f'"{escaped}"'.encode("latin-1").decode("utf-8")
