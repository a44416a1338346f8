"""Chunks: spans of their source, whole blocks, headings kept, never above the limit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.chunks import Chunk, chunk_document, chunk_seeds, chunk_text
from pipeline.documents import Document, DocumentFile
from validators import QA, Seed, Span


def words(text: str) -> int:
    """A token a word."""
    return len(text.split())


def chunk_words(text: str, *, low: int = 8, high: int = 16, plain: bool = False) -> tuple[Chunk, ...]:
    chunks = chunk_text(text, words, low=low, high=high, plain=plain)
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    return chunks


def prose(name: str, count: int) -> str:
    return " ".join(f"{name}{number}" for number in range(count)) + "."


def test_a_small_document_is_one_chunk_with_its_inner_headings() -> None:
    text = "# Birds\n\nThey fly.\n\n## Food\n\nThey eat.\n\n## Song\n\nThey sing.\n"
    [chunk] = chunk_words(text, high=40)
    assert chunk.text == "They fly.\n\n## Food\n\nThey eat.\n\n## Song\n\nThey sing."
    assert chunk.heading == "Birds"
    assert chunk.tokens == words(chunk.text) + words("Birds")


def test_a_section_that_fills_a_chunk_stands_under_its_own_path() -> None:
    text = f"# Birds\n\n{prose('a', 10)}\n\n## Food\n\n{prose('b', 10)}\n\n### Winter\n\n{prose('c', 10)}\n"
    assert [(chunk.heading, chunk.text[:2]) for chunk in chunk_words(text, high=20)] == [
        ("Birds", "a0"),
        ("Birds > Food", "b0"),
        ("Birds > Food > Winter", "c0"),
    ]


def test_small_neighbours_keep_the_headings_that_they_do_not_share() -> None:
    text = "# Birds\n\n" + prose("x", 14) + "\n\n## Food\n\nSeeds.\n\n## Song\n\nLoud.\n"
    first, second = chunk_words(text)
    assert first.heading == second.heading == "Birds"
    assert second.text == "## Food\n\nSeeds.\n\n## Song\n\nLoud."


def test_sections_of_different_chapters_are_not_joined() -> None:
    text = "# A\n\n## A1\n\none.\n\n# B\n\n## B1\n\ntwo.\n"
    assert [chunk.heading for chunk in chunk_words(text)] == ["A > A1", "B > B1"]


def test_a_long_section_is_cut_between_paragraphs_into_equal_parts() -> None:
    paragraphs = [prose(name, 6) for name in "abcd"]
    found = chunk_words("# T\n\n" + "\n\n".join(paragraphs))
    assert [chunk.text for chunk in found] == ["\n\n".join(paragraphs[:2]), "\n\n".join(paragraphs[2:])]


def test_a_long_paragraph_is_cut_at_sentence_ends() -> None:
    text = " ".join(prose(name, 7) for name in "abcd")
    assert [chunk.text.strip()[-3:] for chunk in chunk_words(text)] == ["b6.", "d6."]


def test_a_table_stays_whole_and_a_long_one_is_cut_between_rows_under_its_header() -> None:
    rows = ["| name | size |", "|---|---|", *(f"| n{n} | {n} |" for n in range(8))]
    text = "# Sizes\n\nBefore.\n\n" + "\n".join(rows) + "\n\nAfter.\n"
    [whole] = chunk_words(text, high=80)
    assert "\n".join(rows) in whole.text
    cut = chunk_words(text, low=10, high=30)
    assert cut[0].heading == "Sizes"
    assert {chunk.heading for chunk in cut[1:]} == {"Sizes > | name | size |"}
    lines = [line for chunk in cut for line in chunk.text.splitlines() if line.startswith("|")]
    assert lines == rows


@pytest.mark.parametrize("block", ["```python\na = 1\n\n# no heading\nb = 2\n```", "- one\n  two\n\n  three\n- four"])
def test_code_and_lists_stay_whole(block: str) -> None:
    found = chunk_words(f"# T\n\n{prose('a', 8)}\n\n{block}\n\n{prose('b', 8)}\n", high=20)
    assert sum(block in chunk.text for chunk in found) == 1


def test_list_items_stay_whole_where_the_list_is_too_long() -> None:
    items = [f"- {prose(name, 6)}\n  more {name}" for name in "abcd"]
    found = chunk_words("\n".join(items))
    assert "\n".join(chunk.text for chunk in found) == "\n".join(items)
    assert all(chunk.text.startswith("- ") for chunk in found)
    assert len(found) > 1


def test_front_matter_is_no_text_and_a_paragraph_over_dashes_no_heading() -> None:
    text = "---\ntitle: Not text\n---\nReal text\nin two lines.\n---\nMore.\n"
    [chunk] = chunk_words(text)
    assert chunk.text == "Real text\nin two lines.\n---\nMore."
    assert chunk.heading == ""


def test_line_endings_of_all_systems_count_alike() -> None:
    text = f"# A\r\n\r\n{prose('a', 12)}\r\n\r\n## B\r\r{prose('b', 12)}\n\n## C\n\n{prose('c', 12)}"
    assert [(chunk.heading, chunk.text[:2], chunk.text[-1]) for chunk in chunk_words(text)] == [
        ("A", "a0", "."),
        ("A > B", "b0", "."),
        ("A > C", "c0", "."),
    ]


def test_plain_text_has_paragraphs_and_no_markup() -> None:
    text = f"# not a heading\n{prose('a', 10)}\n \n{prose('b', 12)}\n"
    assert [chunk.heading for chunk in chunk_words(text, plain=True)] == ["", ""]


def test_a_heading_path_never_fills_a_chunk() -> None:
    text = "".join(f"{'#' * level} {prose(f'h{level}', 6)}\n\n" for level in range(1, 7)) + prose("a", 10)
    [chunk] = chunk_words(text, high=32)
    assert chunk.heading == prose("h6", 6)
    assert chunk.text == prose("a", 10)


def test_files_are_named_and_text_files_are_plain() -> None:
    files = (DocumentFile("a.md", "# A\n\nalpha", "1"), DocumentFile("b.txt", "# B\n\nbeta", "2"))
    first, second = chunk_document(Document("https://host/r", "ab" * 20, files), words)
    assert (first.source, first.heading, first.text) == (f"https://host/r@{'ab' * 20}:a.md", "A", "alpha")
    assert (second.source, second.heading, second.text) == (f"https://host/r@{'ab' * 20}:b.txt", "", "# B\n\nbeta")


def test_seed_contexts_are_chunks_of_their_seeds_each_once() -> None:
    pair = (QA("q", "a"),)
    contexts = ["one", "two", "one", "", "three"]
    seeds = [Seed(index, text, pair, Span(0, 0, 0, 0)) for index, text in enumerate(contexts)]
    assert [(chunk.seed, chunk.text, chunk.source) for chunk in chunk_seeds(seeds, words)] == [
        (0, "one", ""),
        (1, "two", ""),
        (4, "three", ""),
    ]


LINES = st.sampled_from(
    [
        "# Head",
        "## Under it",
        "### Deep",
        "Head two\n---",
        "",
        "",
        "Some prose here. And a second sentence! A third?",
        "One long sentence that goes on and on without an end in sight for quite a while and then some more words",
        "- item one",
        "  - inner item with several words",
        "1. numbered",
        "> quoted words",
        ">> quoted deeper",
        "```",
        "~~~ code",
        "    indented code",
        "| a | b |",
        "|---|---|",
        "| 1 | 2 |",
        "<div>html</div>",
        "[link]: https://example.org/a",
        "x" * 90,
        "日本語の文。もう一つの文。",
        "---",
    ]
)
TEXTS = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\n\n", "\r\n", "\r"])), max_size=30).map(
    lambda rows: "".join(line + end for line, end in rows)
)


@settings(max_examples=120, deadline=None)
@given(TEXTS, st.integers(2, 30), st.integers(31, 60))
def test_chunks_cover_the_prose_in_order_without_overlap_within_the_limit(text: str, low: int, high: int) -> None:
    def count(part: str) -> int:
        return -(-len(part) // 4)

    chunks = chunk_text(text, count, low=low, high=high)
    assert chunks == chunk_text(text, count, low=low, high=high)
    at = 0
    missed = []
    for chunk in chunks:
        assert chunk.start >= at
        assert chunk.text == text[chunk.start : chunk.end]
        assert count(chunk.heading) + count(chunk.text) <= chunk.tokens <= high
        missed.append(text[at : chunk.start])
        at = chunk.end
    missed.append(text[at:])
    lines = "".join(missed).replace("\r\n", "\n").replace("\r", "\n")
    left = re.sub(r"(?m)^#.*$|^.*\n---$", "", lines)  # headings are where they belong: above the text
    assert not re.search(r"\w", left), left


def test_each_block_is_counted_once() -> None:
    seen: list[str] = []

    def count(part: str) -> int:
        seen.append(part)
        return words(part)

    chunk_text("# A\n\none\n\ntwo\n\n## B\n\nthree\n", count)
    body = [part.strip() for part in seen if part.strip() in ("one", "two", "three")]
    assert sorted(body) == ["one", "three", "two"]
