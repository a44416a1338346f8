"""PDF becomes Markdown in a limited process; what cannot be read is said in words, whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.child import ChildDied, ChildError
from pipeline.reading import pdf
from pipeline.reading.files import Unreadable, read_bytes
from tests.unit.pdf_fixture import bomb, handbook, picture_only, raw, two_columns


def test_headings_tables_lists_and_paragraphs_are_kept_and_running_titles_left_out(tmp_path: Path) -> None:
    text, why = pdf.read_pdf(handbook(3), tmp_path)
    assert why == ""
    first = text.split("# Chapter 2")[0]
    paragraph = (
        "The chickadee is a small bird that lives in the woods all winter. It hides seeds in bark and remembers them."
    )
    assert first == (
        f"# Chapter 1\n\n{paragraph}\n\n{paragraph}\n\n## Sizes and weights\n\n"
        "| Bird | Length \\| cm |\n| --- | --- |\n| Chickadee | 13 |\n| Nuthatch | 14 |\n\n"
        "- It sings early.\n\n- It sings late.\n\n"
    )
    assert "Bird Book" not in text
    assert "Page" not in text


def test_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    text, _ = pdf.read_pdf(two_columns(), tmp_path)
    assert text.index("left line 3") < text.index("right line 0")
    assert text.startswith("# On birds in two columns and on the ways that they fly\n")


def test_it_is_read_once_for_each_content_and_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pdf.read_pdf(handbook(), tmp_path)
    monkeypatch.setattr(pdf, "run", None)
    assert pdf.read_pdf(handbook(), tmp_path) == first
    monkeypatch.setattr(pdf, "reader", lambda: "another version")
    with pytest.raises(TypeError):
        pdf.read_pdf(handbook(), tmp_path)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no PDF that can be read"),
        (b"GIF89a not a pdf at all", "no PDF that can be read"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 40, "no PDF that can be read"),
        (handbook()[:900], "no PDF that can be read"),
        (handbook(password="secret"), "encrypted"),
        (picture_only(), "text recognition is not done"),
        (raw(b"BT /F 12 Tf (" + b"(" * 5000 + b") Tj ET"), "text recognition is not done"),
        (b"%PDF-1.7" + b" " * pdf.MAX_BYTES, "more than 16 MiB"),
    ],
    ids=["empty", "picture", "garbage", "cut", "encrypted", "scan", "nested", "large"],
)
def test_what_cannot_be_read_is_said(content: bytes, word: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=word):
        read_bytes("a.pdf", content, tmp_path)


def test_a_bomb_ends_its_own_process_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MEMORY_BYTES", 256 << 20)
    content = bomb(256 << 20)
    assert len(content) < 20_000
    with pytest.raises(Unreadable, match="more than 256 MiB of memory"):
        read_bytes("a.pdf", content, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1, "it would be tried again each time"


def test_a_reader_that_dies_or_fails_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*args: object, **more: object) -> None:
        raise ChildDied("gone", -24)

    def fails(*args: object, **more: object) -> None:
        raise ChildError("recursion", "RecursionError")

    monkeypatch.setattr(pdf, "run", dies)
    assert "120 s" in pdf.read_pdf(handbook(), tmp_path)[1]
    assert list(tmp_path.iterdir()) == [], "a slow moment is not remembered"
    monkeypatch.setattr(pdf, "run", fails)
    assert "RecursionError" in pdf.read_pdf(handbook(), tmp_path)[1]


def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_LIBRARIES", ("no-such-distribution",))
    with pytest.raises(Unreadable, match=r"seedbed\[pdf\]"):
        read_bytes("a.pdf", handbook(), tmp_path)


def test_other_files_are_text_or_it_is_said_why_not(tmp_path: Path) -> None:
    assert read_bytes("a.md", b"\xef\xbb\xbfclock \xff", tmp_path).text == "clock \ufffd"
    with pytest.raises(Unreadable, match="no text"):
        read_bytes("a.txt", "clock".encode("utf-16"), tmp_path)
    for name in ("a.md", "a.pdf"):
        with pytest.raises(Unreadable, match="Git LFS"):
            read_bytes(name, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", tmp_path)
