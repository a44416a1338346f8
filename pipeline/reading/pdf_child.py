"""The child's side of reading a PDF: confined before it sees the first byte."""

from __future__ import annotations

import base64
import io
import logging
from typing import Any

from pipeline.child import Emit
from pipeline.reading.layout import Line, Table, markdown
from pipeline.reading.pdf_limits import confine
from pipeline.reading.pdf_page import lines_of, tables_of

MAX_PAGES = 500
MAX_CHARACTERS = 4 << 20
NO_TEXT = (
    "its pages have no text, only pictures, as scans do; text recognition is not done here. Give the text as Markdown, "
    "or a PDF with a text layer"
)
ENCRYPTED = "it is encrypted; give one that opens without a password"


def read(payload: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """{"pdf": base64, "memory": bytes} → {"text": Markdown, "why": there is none or not all of it, or ""}."""
    import pdfplumber  # before the limits: it loads compiled libraries
    from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect
    from pdfplumber.utils.exceptions import PdfminerException

    logging.disable()  # the parser tells the log of each fault of each object
    content = base64.b64decode(payload["pdf"])
    confine(payload["memory"])
    try:
        with pdfplumber.open(io.BytesIO(content)) as document:
            text, why = _text(document)
    except PdfminerException as error:
        cause = error.args[0]
        if isinstance(cause, MemoryError):
            raise cause from error
        if isinstance(cause, PDFPasswordIncorrect | PDFEncryptionError):
            return {"text": "", "why": ENCRYPTED}
        return {"text": "", "why": f"it is no PDF that can be read ({type(cause).__name__})"}
    return {"text": text, "why": why if text else NO_TEXT}


def _text(document: Any) -> tuple[str, str]:
    """(Markdown, what is left out)."""
    pages: list[list[Line | Table]] = []
    characters = 0
    for page in document.pages:
        tables = tables_of(page)
        lines = lines_of(page, tables)
        page.close()  # its objects are kept otherwise
        characters += sum(len(line.text) for line in lines)
        if characters > MAX_CHARACTERS or len(pages) == MAX_PAGES:
            return markdown(pages), f"only its first {len(pages)} pages are read"
        pages.append([*lines, *tables])
    return markdown(pages), ""
