"""What GitHub takes in one check run, and how ours is cut to fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bot.forge.port import Action, Annotation, Check

ANNOTATIONS_PER_REQUEST: Final = 50
"""GitHub answers 422 to more; further ones are appended by updates of the run."""

ANNOTATIONS: Final = 200
"""Our own cap for one check: four requests. The summary says how many more there are."""

TEXT_BYTES: Final = 65_535
"""GitHub's limit for a summary, in bytes."""

TITLE_CHARACTERS: Final = 255

ACTIONS: Final = 3
"""Buttons of a run; GitHub takes so many characters of a label and of an identifier, and of a description."""
LABEL_CHARACTERS: Final = 20
DESCRIPTION_CHARACTERS: Final = 40

_CUT = "\n\n… cut here: a check run holds no more than 65,535 bytes."


def fitted(check: Check) -> Check:
    """The check as a forge can take it: annotations once each and capped, summary and title cut.

    The summary says what was left out.
    """
    summary = check.summary
    annotations = list(dict.fromkeys(map(_without_columns, check.annotations)))
    left_out = len(annotations) - ANNOTATIONS
    if left_out > 0:
        summary = f"The first {ANNOTATIONS} are shown at their lines; {left_out} more are not.\n\n{summary}"
    return replace(
        check,
        title=check.title[:TITLE_CHARACTERS],
        summary=_cut(summary, TEXT_BYTES),
        annotations=tuple(annotations[:ANNOTATIONS]),
        actions=tuple(map(_fitted_action, check.actions[:ACTIONS])),
    )


def check_marker(marker: str, body: str) -> None:
    """`ValueError` unless the body begins with the marker by which it is to be found again."""
    if not body.startswith(marker):
        raise ValueError(f"the text lacks its marker {marker!r} at its beginning and could not be found again")


def _fitted_action(action: Action) -> Action:
    """Label and description cut. An identifier means something, so one that is too long is the program's error."""
    if len(action.identifier) > LABEL_CHARACTERS:
        raise ValueError(f"the identifier of a button has {LABEL_CHARACTERS} characters at most: {action.identifier!r}")
    return replace(
        action, label=action.label[:LABEL_CHARACTERS], description=action.description[:DESCRIPTION_CHARACTERS]
    )


def _without_columns(annotation: Annotation) -> Annotation:
    """GitHub answers 422 to columns of an annotation over several lines."""
    if annotation.start_line == annotation.end_line:
        return annotation
    return replace(annotation, start_column=None, end_column=None)


def _cut(text: str, limit: int) -> str:
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[: limit - len(_CUT.encode())].decode(errors="ignore") + _CUT
