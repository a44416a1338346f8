"""The files that findings point into, as the outputs need them: decoded, with places in each format's own units."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cached_property

from validators.content.secretscan import masked as without_secrets
from validators.model import Fix, Span
from validators.source import Source

_BOM = b"\xef\xbb\xbf"


class Text:
    """One file's text. Bytes that are no UTF-8 show as U+FFFD; the linter judges nothing behind the first of them."""

    def __init__(self, data: bytes) -> None:
        self.bom = len(_BOM) if data.startswith(_BOM) else 0
        self.source = Source(data[self.bom :].decode("utf-8", "replace"))

    def index(self, line: int, column: int) -> int:
        """Index of a position in the text, clamped to it."""
        return min(self.source.start_of(line) + column - 1, len(self.source.text))

    def indexes(self, span: Span) -> tuple[int, int]:
        """(index of its first character, index behind its last) of a span."""
        return self.index(span.line, span.column), self.index(span.end_line, span.end_column)

    def byte_position(self, index: int) -> tuple[int, int]:
        """(line, column) as programs count that split at LF alone and take columns for bytes of UTF-8, from 1.

        A byte order mark counts, as it stands in the line that such a program reads.
        """
        row = bisect_right(self._line_feeds, index) - 1
        start = self._line_feeds[row]
        column = len(self.source.text[start:index].encode("utf-8", "replace")) + 1
        return row + 1, column + (self.bom if row == 0 else 0)

    @cached_property
    def _line_feeds(self) -> list[int]:
        """Where the lines begin that end with LF."""
        starts, at = [0], 0
        while (at := self.source.text.find("\n", at) + 1) > 0:
            starts.append(at)
        return starts


class Texts:
    """The texts of many files, each decoded when it is first asked for; of an unknown file an empty one."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._texts: dict[str, Text] = {}

    def __getitem__(self, path: str) -> Text:
        if path not in self._texts:
            self._texts[path] = Text(self._files.get(path, b""))
        return self._texts[path]


def edits_alone(fix: Fix) -> bool:
    """Whether a fix does no more than edit its file; moving and adding files cannot be said in most formats.

    Nor may an edit be shown that writes a secret anew, if only in quotes.
    """
    only = bool(fix.edits) and not (fix.rename or fix.creates)
    return only and all(without_secrets(edit.text) == edit.text for edit in fix.edits)


def masked(text: Text, spans: Iterable[Span]) -> Source:
    """The text with everything in `spans` as asterisks. Line breaks and all places stay as they are."""
    shown = text.source.text
    for span in spans:
        start, end = text.indexes(span)
        hidden = "".join(c if c in "\r\n" else "*" for c in shown[start:end])
        shown = shown[:start] + hidden + shown[end:]
    return Source(shown)
