"""Linter and fixer on real contributions, beside the reference's verdicts. Not part of the tests: it needs a corpus.

A corpus is a folder with `pulls.jsonl` (a pull request a line: `pull`, `files` with `path`, `status`, `sha256`, and
`reference` for the files that were judged) and `blobs/`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.spans import misplaced
from validators import LintConfig, fix, lint

COMPAT = LintConfig(select=("compat",))
YAML = LintConfig(select=("yaml-syntax", "yaml-unsafe", "yaml-value", "yaml-character"))
MECHANICAL = {
    *("trailing-spaces", "new-line-at-end-of-file", "new-lines", "file-name", "duplicate-key"),
    *("yaml-syntax", "yaml-character", "yaml-value"),
}
"""Rules whose faults need no knowledge of the author's mind; what else is mechanical is said by `mechanical`."""


@dataclass(frozen=True)
class Pull:
    """One pull request: its files, the leaves that were judged, and whether the reference passes each."""

    number: int
    files: dict[str, bytes]
    passes: dict[str, bool]


def read(folder: Path) -> Iterator[Pull]:
    """The pull requests of a corpus."""
    for line in (folder / "pulls.jsonl").open(encoding="utf-8"):
        data = json.loads(line)
        held = [file for file in data["files"] if file["status"] in "AMR" and "sha256" in file]
        files = {file["path"]: (folder / "blobs" / file["sha256"]).read_bytes() for file in held}
        judged = {file["path"]: file["reference"]["newest"] for file in held if "reference" in file}
        passes = {p: not (r["errors"] or r["crash"] or r["attribution"]) for p, r in judged.items()}
        yield Pull(data["pull"], files, passes)


def measure(folder: Path, peer: Path) -> list[bool]:
    """Prints agreement, repairs (judged by the reference itself) and read-back places; which bars hold."""
    pulls = list(read(folder))
    return [agreement(pulls), *repairs(pulls, peer), places(pulls)]


def agreement(pulls: Iterable[Pull]) -> bool:
    """File verdicts that are the reference's."""
    same = total = 0
    for pull in pulls:
        report = lint(pull.files, changed=pull.passes, config=COMPAT)
        failing = {f.path for f in report.findings if f.level == "error"}
        failing |= {path.replace("attribution.txt", "qna.yaml") for path in failing}
        same += sum((path not in failing) == passes for path, passes in pull.passes.items())
        total += len(pull.passes)
    held = same >= 0.995 * total
    print(f"corpus: {same} of {total} file verdicts agree (bar: 99.5 %)", "holds" if held else "MISSED")
    return held


def repairs(pulls: Iterable[Pull], peer: Path) -> list[bool]:
    """Of the failing pull requests whose faults are all mechanical, those that the reference passes after `fix`."""
    counts: Counter[str] = Counter()
    for pull in pulls:
        if not pull.passes:
            continue
        failed = not all(pull.passes.values())
        kind = ("mechanical" if mechanical(pull) else "other") if failed else "passing"
        done = fix(pull.files, changed=pull.passes)
        broken = [f for f in lint(pull.files, changed=pull.passes, config=YAML).findings if f.level == "error"]
        still = [f for f in lint(done.files, config=YAML).findings if f.level == "error"]
        counts["unparsable"] += bool(broken)
        counts["unparsable, read after the fix"] += bool(broken) and not still
        again = fix(done.files, changed=[done.renamed.get(path, path) for path in pull.passes])
        counts["changed the second time"] += again.files != done.files
        leaves = [done.renamed.get(path, path) for path in pull.passes]
        counts[f"{kind}, {'passes' if _passes(done.files, leaves, peer) else 'fails'}"] += 1
    mended, left = counts["mechanical, passes"], counts["mechanical, fails"]
    print(
        f"fix: {mended} of {mended + left} failing pull requests with mechanical faults alone pass the reference "
        f"(bar: 80 %); of {counts['other, passes'] + counts['other, fails']} others {counts['other, passes']}"
    )
    print(
        f"fix: {counts['passing, fails']} of {counts['passing, passes'] + counts['passing, fails']} that passed fail; "
        f"{counts['changed the second time']} change when fixed twice"
    )
    read_on = counts["unparsable, read after the fix"]
    print(f"fix: {read_on} of {counts['unparsable']} pull requests with a leaf that is no YAML are YAML afterwards")
    return [mended >= 0.8 * (mended + left), not counts["passing, fails"], not counts["changed the second time"]]


def mechanical(pull: Pull) -> bool:
    """Whether every error, of the text and of what is in it once it can be read, is one that needs no author."""
    found = lint(pull.files, changed=pull.passes, config=COMPAT).findings
    return all(finding.rule in MECHANICAL or finding.fix for finding in found if finding.level == "error")


def _passes(files: dict[str, bytes], leaves: Iterable[str], peer: Path) -> bool:
    with tempfile.TemporaryDirectory() as name:
        for path, data in files.items():
            target = Path(name, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        command = [str(peer), str(Path(__file__).with_name("judge.py")), name]
        verdicts = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)
    return all(verdicts.get(leaf) == 0 for leaf in leaves)


def places(pulls: Iterable[Pull]) -> bool:
    """Findings whose place selects what they talk about."""
    total, wrong = 0, 0
    for pull in pulls:
        report = lint(pull.files, config=LintConfig(select=("all",)))
        total += len(report.findings)
        for line in misplaced(report, pull.files):
            wrong += 1
            print("  ", line)
    print(f"places: {total - wrong} of {total} findings select what they talk about", "MISSED" if wrong else "holds")
    return not wrong
