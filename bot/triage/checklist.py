"""The reviewer's checklist, filled in as far as the linter's findings and the files themselves tell.

The lint job calls `fill(report, read, overlap.others(store, number, read.leaves))` and publishes the lines together
with its own part, by `lambda triage: replace(triage, checklist=lines)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname
from typing import Literal

from bot.reading import PullFiles
from bot.render import texts
from bot.triage.topics import sensitive
from validators.model import Finding, Report
from validators.paths import BRANCHES, LEAF_FILE

Mark = Literal["ok", "look", "bad"]
Line = tuple[Mark, str]
_NOBODY: Mapping[str, Sequence[int]] = {}
_ATTRIBUTED = ("attribution-missing", "attribution-empty")


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the list: its name in `texts.POINTS`, and the rules whose findings speak about it.

    `branch`: asked of leaves of this branch alone. `content`: what a file says, so unread text leaves it open. `needs`:
    rules that must have found nothing for it to be seen at all. `whole`: about the pull request and no file.
    """

    name: str
    rules: tuple[str, ...]
    branch: str = ""
    content: bool = True
    needs: tuple[str, ...] = ()
    whole: bool = False


POINTS: tuple[Point, ...] = (
    Point(
        "licence",
        ("attribution-license", "attribution-license-name", "attribution-license-wikipedia"),
        content=False,
        needs=_ATTRIBUTED,
    ),
    Point(
        "source",
        ("attribution-source", "attribution-source-verify", "attribution-link"),
        content=False,
        needs=_ATTRIBUTED,
    ),
    Point(
        "attribution",
        (
            *(*_ATTRIBUTED, "attribution-name"),
            "attribution-field",
            "attribution-revision",
        ),
        content=False,
    ),
    Point("signoff", ("dco-signoff",), content=False, whole=True),
    Point("author", ("created-by-author", "created-by-login")),
    Point(
        "place",
        (
            *("grounded-path", "knowledge-in-skills", "skill-in-knowledge", "facts-in-skill", "foundational-closed"),
            *("leaf-at-branch-root", "leaf-in-field-folder", "leaf-outside-tree", "leaf-under-leaf"),
            *("path-name", "path-case"),
        ),
    ),
    Point("document", ("document-repo", "document-commit", "document-patterns"), branch="knowledge"),
    Point("support", ("answer-unsupported",), branch="knowledge"),
    Point(
        "examples",
        (
            *("schema-too-few", "schema-duplicate-item", "placeholder-left", "few-seeds", "too-few-to-hold-out"),
            *("seed-near-duplicate", "seed-one-template", "seed-chat", "answer-is-question", "answer-too-short"),
        ),
    ),
    Point("voice", ("model-name", "assistant-phrase")),
    Point("personal", ("leaked-secret", "email-address", "phone-number", "personal-number")),
)
_UNREAD = frozenset(
    {
        *("yaml-syntax", "yaml-unsafe", "yaml-character", "encoding", "empty-file", "not-a-mapping"),
        *("file-too-large", "too-many-files", "cannot-judge"),
    }
)
_WEIGHT = {"error": 0, "warning": 1, "hint": 2}
_TOPICS, _NAMESAKES = 3, 3  # of each at most so many lines


def fill(report: Report, read: PullFiles, others: Mapping[str, Sequence[int]] = _NOBODY) -> tuple[Line, ...]:
    """The lines of the list; none where no leaf changed. `others`: other open pull requests by leaf that they change.

    "bad" stands for an error of the linter, "look" for everything else that it, or a list of words, found.
    """
    if not read.leaves:
        return ()
    branches = {leaf.partition("/")[0] for leaf in read.leaves}
    points = [point for point in POINTS if not point.branch or point.branch in branches]
    judged = [_judge(point, report) for point in points]
    return (*judged, *_topics(read), *_overlap(read, others))


def _judge(point: Point, report: Report) -> Line:
    name, fine = texts.POINTS[point.name]
    found = sorted((f for f in report.findings if f.rule in point.rules), key=lambda f: _WEIGHT[f.level])
    if found:
        place = "" if point.whole else texts.POINT_PLACE.format(place=_place(found))
        said = texts.POINT_FOUND.format(point=name, message=found[0].message.rstrip("."), place=place)
        return ("bad" if found[0].level == "error" else "look", said)
    if any(f.rule in point.needs for f in report.findings):
        return ("look", texts.POINT_UNSAID.format(point=name))
    unread = next((f.path for f in report.findings if f.rule in _UNREAD), "") if point.content else ""
    if unread:
        return ("look", texts.POINT_UNREAD.format(point=name, path=_spanned(unread)))
    return ("ok", f"{name}: {fine}")


def _place(found: Sequence[Finding]) -> str:
    path = _spanned(found[0].path)
    return f"`{path}`" if len(found) == 1 else texts.POINT_MORE.format(path=path, n=len(found) - 1)


def _spanned(path: str) -> str:
    """For a code span of a line that is escaped later: a backtick of its own would end it."""
    return path.replace("`", "'")


def _topics(read: PullFiles) -> Iterator[Line]:
    name, fine = texts.POINTS["topics"]
    leaves = (read.files.get(f"{leaf}/{LEAF_FILE}", b"").decode("utf-8", "replace") for leaf in read.leaves)
    found = sensitive(leaves)[:_TOPICS]
    for topic, word in found:
        yield ("look", texts.POINT_TOPIC.format(point=name, word=word, topic=texts.TOPICS[topic]))
    if not found:
        yield ("ok", f"{name}: {fine}")


def _overlap(read: PullFiles, others: Mapping[str, Sequence[int]]) -> Iterator[Line]:
    name, fine = texts.POINTS["overlap"]
    lines = [
        *(
            texts.POINT_OVERLAP.format(point=name, path=_spanned(leaf), others=_numbers(others[leaf]))
            for leaf in read.leaves
            if others.get(leaf)
        ),
        *(
            texts.POINT_NAMESAKE.format(point=name, path=_spanned(leaf), other=_spanned(other))
            for leaf, other in _namesakes(read)
        ),
    ]
    yield from (("look", line) for line in lines)
    if not lines:
        yield ("ok", f"{name}: {fine}")


def _numbers(pulls: Sequence[int]) -> str:
    return ", ".join(f"#{number}" for number in pulls)


def _namesakes(read: PullFiles) -> list[tuple[str, str]]:
    """Pairs of a changed leaf and one elsewhere in the taxonomy whose folder has the same name."""
    tree = (path for path in read.change.tree if basename(path) == LEAF_FILE and path.partition("/")[0] in BRANCHES)
    by_name: dict[str, list[str]] = {}
    for leaf in sorted({dirname(path) for path in tree}):
        by_name.setdefault(basename(leaf).casefold(), []).append(leaf)
    pairs = ((leaf, other) for leaf in read.leaves for other in by_name.get(basename(leaf).casefold(), []))
    return [(leaf, other) for leaf, other in pairs if other not in read.leaves][:_NAMESAKES]
