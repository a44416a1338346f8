"""Carries a leaf of version 1 or 2 to version 3 by editing its text, so that comments, order and style stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from validators.content.placeholders import COMMIT, DOMAIN, OUTLINE, PATTERN, REPO
from validators.engine import lint
from validators.fixing import apply
from validators.leaffile import NEWEST, LeafFile, load
from validators.mends import attribution_file, near_key
from validators.migration.keys import as_comment, key_edits, scalars
from validators.migration.lines import Rows, ended
from validators.migration.regroup import TODO, counted, regroup
from validators.model import Edit, Finding, LintConfig
from validators.paths import ATTRIBUTION_FILE
from validators.schema import load_schema
from validators.source import Source
from validators.yamltree import Node, YamlError, parse

_BOM = "\ufeff"
_OLD_TASK = "task_description"
_DOCUMENT = {"repo": REPO, "commit": COMMIT, "patterns": PATTERN}
_LONGEST_VERSION = 20
_AS_DECLARED = LintConfig(schema="declared")
# What a machine mends (`seedbed lint --fix`) is not for a person to add.
_TO_ADD = LintConfig(("compat", "placeholder-left"), ("trailing-spaces", "new-line-at-end-of-file"), "newest")


class _Unsafe(Exception):
    """The edited text does not say what the old one said."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What became of one leaf file."""

    path: str
    text: str
    """The new file; the old one where nothing was to do or nothing could be done."""
    steps: tuple[str, ...] = ()
    """What was done, in words."""
    missing: tuple[Finding, ...] = ()
    """What a person must still add or decide, with places in `text` (or in `attribution.txt`)."""
    problem: str = ""
    """Why the leaf could not be carried over; "" where it could."""
    attribution: str = ""
    """The text of an `attribution.txt` that the leaf lacks, out of what its seed examples say of source and licence."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return not self.missing and not self.problem


def migrate(path: str, files: Mapping[str, bytes], *, document: str = "") -> Migration:
    """The leaf `files[path]` as version 3. `files` should hold its `attribution.txt` too.

    Skills are carried over wholly. The questions of knowledge leaves are put under contexts: passages of `document`
    (Markdown or plain text) where that is given, else placeholders. A leaf of version 3 is left as it is, byte for
    byte; no text of the author is lost. Raises KeyError for no such file. Linear in the bytes.
    """
    leaf = load(path, files, _AS_DECLARED)
    raw = files[path].decode("utf-8", "replace")
    if leaf.problems:
        line, _ = leaf.source.position(leaf.problems[0].start)
        return Migration(path, raw, problem=f"line {line}: {leaf.problems[0].message}; mend that first")
    if leaf.mapping is None or leaf.branch == "foundational_skills":
        return Migration(path, raw)
    if leaf.version >= NEWEST:
        return Migration(path, raw, missing=_missing(path, files))
    if problem := _hopeless(leaf):
        return Migration(path, raw, problem=problem)
    try:
        work = _Work(leaf.source.text)
        work.carry(leaf.schema_name, document)
    except _Unsafe:
        problem = "the way it is written leaves no safe edit; carry it over by hand"
        return Migration(path, raw, problem=problem)
    text = (_BOM if raw.startswith(_BOM) else "") + work.result()
    now = {**files, path: text.encode("utf-8")}
    told = None if leaf.attribution_path in files else attribution_file(leaf)
    if told is None:
        return Migration(path, text, tuple(work.steps), _missing(path, now))
    ((beside, attribution),) = told.creates
    steps = (*work.steps, f"{ATTRIBUTION_FILE} says what the seed examples said of source and licence")
    missing = _missing(path, {**now, beside: attribution.encode("utf-8")})
    return Migration(path, text, steps, missing, attribution=attribution)


def _missing(path: str, files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    report = lint(files, changed=[path], config=_TO_ADD)
    return tuple(finding for finding in report.findings if finding.level == "error")


def _hopeless(leaf: LeafFile) -> str:
    """Why a readable file cannot be edited into version 3; "" where it can."""
    root = leaf.mapping
    if root is None or root.style is not None:
        return "it is written in braces, as JSON; write it as lines of `key: value` first"
    known = tuple(load_schema(leaf.schema_name, NEWEST)["properties"])
    if not any(near_key(key.text, known) for key, _ in root.entries):
        return "it has none of a leaf's keys, such as seed_examples; it is older than version 1, or no leaf"
    return ""


@dataclass(slots=True)
class _Work:
    """The text on its way, in passes: each edits it, reads it again, checks it, and says what it did."""

    text: str
    steps: list[str] = field(default_factory=list)
    windows: bool = False
    root: Node = field(init=False)
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        bare = self.text.replace("\r\n", "")
        if "\r" in self.text:
            self.windows = "\r" not in bare and "\n" not in bare
            if not self.windows:
                self.steps.append("line ends are LF now; they were mixed")
        self.text = ended(self.text.replace("\r\n", "\n").replace("\r", "\n"))
        self._edit(())

    def result(self) -> str:
        """The text, with the line ends that it came with."""
        return self.text.replace("\n", "\r\n") if self.windows else self.text

    def carry(self, kind: str, document: str) -> None:
        """All passes. Raises _Unsafe."""
        self._set_keys(kind)
        self._set_version()
        if kind == "knowledge":
            self._set_outline()
            self._add_parts()
            self._group(document)

    def _edit(self, edits: Iterable[Edit]) -> None:
        self.text = apply(self.text, edits)
        try:
            root = parse(Source(self.text))
        except YamlError:
            raise _Unsafe from None
        if root is None or root.kind != "mapping":
            raise _Unsafe
        self.root, self.rows = root, Rows(self.text)

    def _set_keys(self, kind: str) -> None:
        done = key_edits(self.text, self.root, kind, (_OLD_TASK,) if kind == "knowledge" else ())
        renamed = {(edit.start, edit.end): edit.text for edit in done.edits}
        expected = Counter(renamed.get((node.start, node.end), node.text) for node in scalars(self.root))
        expected -= Counter(node.text for node in done.removed)
        self._edit(done.edits)
        if Counter(node.text for node in scalars(self.root)) != expected:
            raise _Unsafe
        self.steps += done.steps()

    def _set_version(self) -> None:
        entry = self.root.entry("version")
        if entry is None:
            at = self.root.start
            self._edit([Edit(at, at, f"version: {NEWEST}\n" + " " * self.rows.column(at))])
            self.steps.append(f"added `version: {NEWEST}`")
        elif entry[1].kind == "scalar" and len(entry[1].text) <= _LONGEST_VERSION:
            _, value = entry
            gap = " " if value.start == value.end else ""
            self._edit([Edit(value.start, value.end, f"{gap}{NEWEST}")])
            self.steps.append(f"`version: {value.text}` is now `version: {NEWEST}`")

    def _set_outline(self) -> None:
        """`task_description`, which knowledge no longer has, becomes the outline or a comment."""
        entry = self.root.entry(_OLD_TASK)
        if entry is None:
            return
        key, value = entry
        if self.root.get("document_outline") or value.kind != "scalar":
            self._edit([as_comment(self.text, self.rows, key, value)])
            self.steps.append(f"`{_OLD_TASK}` became a comment: knowledge has `document_outline` in its place")
        elif value.text.strip():
            self._edit([Edit(key.start, key.end, "document_outline")])
            self.steps.append(f"`{_OLD_TASK}` is now `document_outline`: see that it says what the document is about")
        else:
            gap = " " if value.start == value.end else ""
            above = Edit(
                self.rows.start(key.start), self.rows.start(key.start), self._todo("say what the document is about")
            )
            self._edit(
                [above, Edit(key.start, key.end, "document_outline"), Edit(value.start, value.end, f'{gap}"{OUTLINE}"')]
            )
            self.steps.append(f"the empty `{_OLD_TASK}` is now a `document_outline` to be written")

    def _todo(self, words: str, indent: int | None = None) -> str:
        return " " * (self.rows.column(self.root.start) if indent is None else indent) + f"{TODO}{words}\n"

    def _add_parts(self) -> None:
        """Placeholders for what knowledge of version 3 must have beside its seed examples."""
        names = [key.text for key, _ in self.root.entries]
        at = self._above(names.index("seed_examples") if "seed_examples" in names else int(names[0] == "version"))
        lead = " " * self.rows.column(self.root.start)
        parts = ""
        for name, text, words in (
            ("domain", DOMAIN, "name the subject"),
            ("document_outline", OUTLINE, "say what the document is about"),
        ):
            if name not in self.root.value:
                parts += self._todo(words) + f'{lead}{name}: "{text}"\n'
                self.steps.append(f"added a `{name}` to be written")
        edits = list(self._document_parts())
        if "document" not in self.root.value:
            parts += self._todo("say where the document lies") + f"{lead}document:\n"
            parts += "".join(self._document_line(name, len(lead) + 2) for name in _DOCUMENT)
            self.steps.append("added a `document` to be written: repo, commit and patterns")
        self._edit([*edits, Edit(at, at, parts)])

    def _document_parts(self) -> Iterable[Edit]:
        """Placeholders for what an existing `document` lacks."""
        entry = self.root.entry("document")
        if entry is None or entry[1].style is not None:
            return
        key, value = entry
        if value.value is None:
            at, column = self.rows.after(key.end), self.rows.column(key.start) + 2
        elif value.kind == "mapping":
            at, column = self.rows.start(value.start), self.rows.column(value.start)
        else:
            return
        lacking = [name for name in _DOCUMENT if value.value is None or name not in value.value]
        if lacking:
            self.steps.append(f"added to `document`, to be written: {', '.join(lacking)}")
            lines = "".join(self._document_line(name, column) for name in lacking)
            yield Edit(at, at, self._todo("say where the document lies", column) + lines)

    def _document_line(self, name: str, indent: int) -> str:
        lead, text = " " * indent, f'"{_DOCUMENT[name]}"'
        if name != "patterns":
            return f"{lead}{name}: {text}\n"
        entry = self.root.entry("seed_examples")
        usual = 2
        if entry and entry[1].items and entry[1].style is None:
            usual = self.rows.column(entry[1].start) - self.rows.column(entry[0].start)
        return f"{lead}{name}:\n{lead}{' ' * usual}- {text}\n"

    def _above(self, index: int) -> int:
        """Where to put lines above the entry of this index: above the comments that belong to it."""
        if index == len(self.root.entries):
            return len(self.text)
        at = self.rows.start(self.root.entries[index][0].start)
        floor = self.rows.after(self.root.entries[index - 1][1].end - 1) if index else at
        while at > floor and self.text[self.rows.start(at - 1) : at].lstrip().startswith("#"):
            at = self.rows.start(at - 1)
        return at

    def _group(self, document: str) -> None:
        done = regroup(self.text, self.root, document)
        if done is None:
            return
        before = _said(self.root.value)
        self._edit([done.edit])
        if before - _said(self.root.value):
            raise _Unsafe
        words = f"grouped {counted(done.pairs, 'question')} under {counted(done.contexts, 'context')}"
        if document:
            words += f", {done.found} of them taken from the document"
        self.steps.append(words)


def _said(root: Any) -> Counter[tuple[str, ...]]:
    """Every question with its answer, and every context once; the line break at the very end of a file may be new."""
    found: Counter[tuple[str, ...]] = Counter()
    seeds = root.get("seed_examples")
    for seed in seeds if isinstance(seeds, list) else ():
        pairs = seed.get("questions_and_answers", [seed]) if isinstance(seed, dict) else [{"question": seed}]
        for pair in pairs if isinstance(pairs, list) else ():
            if isinstance(pair, dict):
                found[str(pair.get("question")).rstrip("\n"), str(pair.get("answer")).rstrip("\n")] += 1
        if isinstance(seed, dict) and seed.get("context"):
            found[(str(seed["context"]).rstrip("\n"),)] = 1
    return found
