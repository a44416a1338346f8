"""Characters that YAML forbids: each with what it evidently stands for, or to be deleted."""

from __future__ import annotations

import re
from itertools import islice

from validators.model import Edit
from validators.recovery.patch import Fault
from validators.yamltree import UNPRINTABLE

_RUNS = re.compile(f"(?:{UNPRINTABLE.pattern})+|(?<=[\n\r])\ufeff+")
_MOST = 40
_END = 5_000  # what has more of them is no text


def faults(text: str) -> list[Fault]:
    """One fault for each run of forbidden characters; after many, one for all the rest."""
    found: list[Fault] = []
    for match in islice(_RUNS.finditer(text), _END):
        edit = Edit(match.start(), match.end(), _meant(match.group(), text, match.start()))
        if len(found) < _MOST:
            found.append(_fault(match.group(), edit))
        else:
            found[-1].edits.append(edit)
    return found


def _fault(run: str, edit: Edit) -> Fault:
    if run[0] == "\ufeff":
        message = "a byte order mark stands in the middle of the file"
        return Fault(message, "Delete it; it is not visible.", edit.start, edit.end, "delete it", edits=[edit])
    message = f"the character U+{ord(run[0]):04X} is not allowed in YAML"
    remedy = "Delete it; it often comes with copied text."
    shown = edit.text.strip()
    title = f"write {shown}" if shown else "write a space" if edit.text else "delete it"
    meaning = f"{shown or 'a space'} stands for it" if edit.text else ""
    return Fault(message, remedy, edit.start, edit.end, title, meaning, "yaml-character", edits=[edit])


def _meant(run: str, text: str, start: int) -> str:
    """What stands for the run: Windows' own signs by name, a space for vertical white space between words."""
    said = "".join(_windows(sign) for sign in run)
    if said or run[0] == "\ufeff" or not re.search("[\x0b\x0c\x1c-\x1f]", run):
        return said
    around = text[max(start - 1, 0) : start], text[start + len(run) : start + len(run) + 1]
    return " " if all(side and not side.isspace() for side in around) else ""


def _windows(sign: str) -> str:
    """U+0080 to U+009F are no signs of their own, but Windows' bytes taken for Latin-1."""
    if not "\x80" <= sign <= "\x9f":
        return ""
    return bytes([ord(sign)]).decode("cp1252", "ignore")
