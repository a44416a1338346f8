"""Rows read straight from the pages of a broken SQLite file, where no way leads to them any more.

Source: the file format, https://www.sqlite.org/fileformat2.html §1.6 (b-tree pages) and §2.1 (records).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_LEAF: Final = 0x0D  # the first byte of a page that holds rows of a table
_PAGE_BYTES: Final = 4096  # where the header does not say: what SQLite takes if not told otherwise
_MOST_BYTES: Final = 64 << 20  # of one row; more is a sign of damage
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0, 0: 0}


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it stands on its page: its number, its texts and its blobs; numbers and NULL are None."""

    number: int
    values: tuple[bytes | str | None, ...]


def raw_rows(path: Path) -> Iterator[RawRow]:
    """All rows of all tables that can be made out, deleted ones among them, in the order of the pages."""
    with path.open("rb") as file:
        size = _page_bytes(file.read(100))
        number = 2  # the first page holds the names of the tables
        while len(page := _page(file, number, size)) == size:
            number += 1
            if page[0] == _LEAF:
                yield from _rows(file, page, size)


def _rows(file: IO[bytes], page: bytes, size: int) -> Iterator[RawRow]:
    for index in range(int.from_bytes(page[3:5])):
        at = int.from_bytes(page[8 + 2 * index : 10 + 2 * index])
        try:
            yield _row(file, page, at, size)
        except (IndexError, ValueError):
            continue


def _row(file: IO[bytes], page: bytes, at: int, size: int) -> RawRow:
    """The cell at `at`. Raises `IndexError` and `ValueError` where there is none."""
    length, at = _varint(page, at)
    number, at = _varint(page, at)
    if not 0 < length < _MOST_BYTES:
        raise ValueError("no row is so long")
    here = _local(length, size)
    payload = page[at : at + here]
    following = int.from_bytes(page[at + here : at + here + 4])
    while len(payload) < length:
        overflow = _page(file, following, size) if following > 1 else b""
        if len(overflow) < size:
            raise ValueError("the rest of the row is gone")
        payload += overflow[4:][: length - len(payload)]
        following = int.from_bytes(overflow[:4])
    return RawRow(number, _values(payload))


def _values(payload: bytes) -> tuple[bytes | str | None, ...]:
    """Raises `ValueError` where it is no record, or a text is not UTF-8."""
    end, at = _varint(payload, 0)
    body, values = end, list[bytes | str | None]()
    while at < end:
        kind, at = _varint(payload, at)
        length = (kind - 12) // 2 if kind >= 12 else _INTEGERS.get(kind)
        if length is None or body + length > len(payload):
            raise ValueError("no record")
        data = payload[body : body + length]
        values.append(None if kind < 12 else data.decode() if kind % 2 else data)
        body += length
    return tuple(values)


def _local(length: int, size: int) -> int:
    """How many bytes of a row stand on its own page; the rest is on overflow pages."""
    if length <= size - 35:
        return length
    least = (size - 12) * 32 // 255 - 23
    most = least + (length - least) % (size - 4)
    return most if most <= size - 35 else least


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of 1 to 9 bytes, and where the next thing begins. Raises `IndexError` at the end."""
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


def _page(file: IO[bytes], number: int, size: int) -> bytes:
    file.seek((number - 1) * size)
    return file.read(size)


def _page_bytes(header: bytes) -> int:
    stated = int.from_bytes(header[16:18])
    size = 65536 if stated == 1 else stated
    return size if header.startswith(b"SQLite format 3\0") and size >= 512 and size & (size - 1) == 0 else _PAGE_BYTES
