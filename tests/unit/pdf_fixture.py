"""PDF files made for tests."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

from fpdf import FPDF

PROSE = (
    "The chickadee is a small bird that lives in the woods all winter. It hides seeds in bark and remem-\nbers them."
)


def handbook(pages: int = 1, *, password: str = "") -> bytes:
    """A heading, two paragraphs, a smaller heading, a table and a list on each page; a running title and a number."""
    pdf = FPDF()
    pdf.set_creation_date(datetime(2024, 1, 1, tzinfo=UTC))
    pdf.set_auto_page_break(False)
    if password:
        pdf.set_encryption(owner_password="owner", user_password=password)
    for page in range(1, pages + 1):
        pdf.add_page()
        _text(pdf, "The Bird Book", 8)
        _text(pdf, f"Chapter {page}", 22, bold=True)
        for _ in range(2):
            _text(pdf, PROSE, 11)
            pdf.ln(6)
        _text(pdf, "Sizes and weights", 15, bold=True)
        with pdf.table() as table:
            for row in (("Bird", "Length | cm"), ("Chickadee", "13"), ("Nuthatch", "14")):
                table.row(row)
        pdf.ln(6)
        _text(pdf, "\x95 It sings early.\n\x95 It sings late.", 11)
        pdf.set_y(-15)
        _text(pdf, f"Page {page}", 8)
    return bytes(pdf.output())


def two_columns() -> bytes:
    """A title over two columns of four lines."""
    pdf = FPDF()
    pdf.add_page()
    _text(pdf, "On birds in two columns and on the ways that they fly", 20)
    for column, name in ((20, "left"), (110, "right")):
        for line in range(4):
            pdf.set_font("Helvetica", "", 11)
            pdf.text(column, 60 + 5 * line, f"{name} line {line} of some words here")
    return bytes(pdf.output())


def picture_only() -> bytes:
    """Pages without text, as a scanner makes them."""
    pdf = FPDF()
    pdf.add_page()
    pdf.rect(10, 10, 50, 50, style="F")
    return bytes(pdf.output())


def raw(content: bytes, *, filters: bytes = b"") -> bytes:
    """A PDF of one page by hand, whose content stream is `content` as it is stored."""
    stream = b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(content), filters, content)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        stream,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    return body + head + table + tail


def bomb(size: int) -> bytes:
    """A stream deflated twice that grows to `size` bytes of spaces."""
    packer, block = zlib.compressobj(), b" " * (1 << 20)
    packed = b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()
    return raw(zlib.compress(packed), filters=b"/Filter[/FlateDecode/FlateDecode]")


def _text(pdf: FPDF, text: str, size: int, *, bold: bool = False) -> None:
    pdf.set_font("Helvetica", "B" if bold else "", size)
    pdf.multi_cell(0, size * 0.55, text, new_x="LMARGIN", new_y="NEXT")
