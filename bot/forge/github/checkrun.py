"""Check runs in GitHub's JSON: what to send for a wanted `Check`, and what a run that came back says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Literal

from bot.forge.github.answers import normal
from bot.forge.limits import ANNOTATIONS_PER_REQUEST
from bot.forge.port import Annotation, Check, Conclusion

# What a check run of ours may end up as without us: GitHub marks runs stale, people dismiss them.
_CONCLUSIONS: Final[dict[str, Conclusion]] = {
    "success": "success",
    "failure": "failure",
    "neutral": "neutral",
    "cancelled": "cancelled",
    "timed_out": "timed_out",
    "stale": "timed_out",
    "skipped": "neutral",
    "action_required": "failure",
    "startup_failure": "failure",
}


def conclusion(run: Mapping[str, Any]) -> Conclusion | Literal["in_progress"]:
    """State of a run."""
    if run["status"] != "completed":
        return "in_progress"
    return _CONCLUSIONS.get(run["conclusion"], "neutral")


def request_state(check: Check, missing: Sequence[Annotation]) -> dict[str, Any]:
    """The body of one request: the next batch of `missing`, and the conclusion with the last."""
    last = len(missing) <= ANNOTATIONS_PER_REQUEST
    output: dict[str, Any] = {"title": check.title, "summary": check.summary}
    if missing:
        output["annotations"] = [_payload(annotation) for annotation in missing[:ANNOTATIONS_PER_REQUEST]]
    state: dict[str, Any] = {"status": "in_progress", "output": output}
    if check.conclusion is not None and last:
        state |= {"status": "completed", "conclusion": check.conclusion}
    if check.details_url is not None:
        state["details_url"] = check.details_url
    if check.actions:  # GitHub does not show them again, so they go with every write
        state["actions"] = [asdict(action) for action in check.actions]
    return state


def is_outdated(run: Mapping[str, Any], check: Check, present: Sequence[Annotation]) -> bool:
    """Whether a run cannot become what is wanted: it would have to be opened again, or to lose an annotation."""
    reopened = check.conclusion is None and run["status"] == "completed"
    return reopened or any(annotation not in check.annotations for annotation in present)


def reads(run: Mapping[str, Any], check: Check) -> bool:
    """Whether the run says what is wanted; its annotations are compared elsewhere."""
    output = run["output"]
    return (
        conclusion(run) == (check.conclusion or "in_progress")
        and output["title"] == check.title
        and normal(output["summary"] or "") == normal(check.summary)
        and (check.details_url is None or run["details_url"] == check.details_url)
    )


def _payload(annotation: Annotation) -> dict[str, Any]:
    columns = {"start_column": annotation.start_column, "end_column": annotation.end_column}
    return {
        "path": annotation.path,
        "start_line": annotation.start_line,
        "end_line": annotation.end_line,
        "annotation_level": annotation.level,
        "title": annotation.title,
        "message": annotation.message,
        **{key: column for key, column in columns.items() if column is not None},
    }


def read_annotation(found: Mapping[str, Any]) -> Annotation:
    """One annotation of a run."""
    return Annotation(
        path=found["path"],
        start_line=found["start_line"],
        end_line=found["end_line"],
        level=found["annotation_level"],
        title=found.get("title") or "",
        message=found["message"],
        start_column=found.get("start_column"),
        end_column=found.get("end_column"),
    )
