"""The document that `seedbed migrate` looks for passages in: a file or a folder on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from bot.cli.lint_files import UsageError
from validators.leaffile import load
from validators.model import LintConfig

_SUFFIXES = (".md", ".markdown", ".txt", ".text")
_MOST_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Documents:
    """Texts by file name; names are relative to the folder that was given."""

    texts: Mapping[str, str]

    @classmethod
    def read(cls, place: Path | None) -> Documents:
        """A file, or every Markdown and text file below a folder. Raises UsageError."""
        if place is None:
            return cls({})
        if not place.exists():
            raise UsageError(f"the document {place} does not exist")
        if not place.is_dir():
            return cls(_read([place], place.parent))
        files = [file for file in sorted(place.rglob("*")) if file.suffix.lower() in _SUFFIXES and file.is_file()]
        if not files:
            raise UsageError(f"there is no Markdown or text file in {place}")
        return cls(_read(files, place))

    def of(self, path: str, files: Mapping[str, bytes]) -> str:
        """The document of one leaf: the files that its own patterns name; all of them where they name none of these."""
        if len(self.texts) > 1:
            patterns = _patterns(path, files)
            named = [text for name, text in self.texts.items() if _named(name, patterns)]
            if named:
                return "\n\n".join(named)
        return "\n\n".join(self.texts.values())


def _read(files: list[Path], root: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    left = _MOST_BYTES
    for file in files:
        try:
            with file.open("rb") as stream:
                data = stream.read(left + 1)
            left -= len(data)
            texts[file.relative_to(root).as_posix()] = data.decode("utf-8")
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UsageError(f"{file} is no UTF-8 text; convert it to Markdown or plain text first") from None
        if left < 0:
            raise UsageError(f"the document has more than {_MOST_BYTES // 2**20} MB; give only the files that matter")
    return texts


def _patterns(path: str, files: Mapping[str, bytes]) -> list[str]:
    """The patterns that the leaf's `document` names."""
    leaf = load(path, files, LintConfig())
    document = leaf.mapping.get("document") if leaf.mapping else None
    patterns = document.get("patterns") if document else None
    return [item.text for item in patterns.items if item.kind == "scalar"] if patterns else []


def _named(name: str, patterns: list[str]) -> bool:
    last = name.rpartition("/")[2]
    return any(fnmatchcase(name, pattern) or fnmatchcase(last, pattern) for pattern in patterns)
