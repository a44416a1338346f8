"""Coverage-guided fuzzing of linter and fixer: no bytes may crash them, and their promises hold on all bytes.

usage: fuzz_lint.py [libFuzzer options] [CORPUS FOLDER]      (`make fuzz` starts it with a time limit)
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["validators"], enable_loader_override=False):
    import validators.recovery  # noqa: F401  (loaded late, and to be instrumented all the same)
    from tests.fuzz.promises import broken_promise
    from validators.examples import GROUNDED, KNOWLEDGE, SKILL
    from validators.rules import load_rules

    load_rules()


def one(data: bytes) -> None:
    """One input: the first byte chooses tree and name, the rest is the leaf."""
    if data:
        path = ("knowledge/a/qna.yaml", "compositional_skills/a/qna.yaml", "knowledge/a/qna.yml")[data[0] % 3]
        promise = broken_promise(path, data[1:])
        if promise:
            raise AssertionError(promise)


def seed(folder: Path) -> None:
    """Start from leaves that are right and from each rule's bad example, so that the fuzzer knows the format."""
    from validators.registry import RULES

    folder.mkdir(parents=True, exist_ok=True)
    texts = [SKILL, KNOWLEDGE, GROUNDED]
    cases = [rule.example.case("bad") for rule in RULES.values()]
    blobs = [text.encode() for text in texts] + [case.files[case.path] for case in cases if case.path in case.files]
    for number, blob in enumerate(blobs):
        (folder / f"seed-{number}").write_bytes(bytes([number % 2]) + blob)


if __name__ == "__main__":
    folders = [arg for arg in sys.argv[1:] if not arg.startswith("-")]
    if folders:
        seed(Path(folders[0]))
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
