"""What is done behind the wall: judge, mend, migrate. Runs in a child of the warden; everything goes by JSON."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from difflib import SequenceMatcher, unified_diff
from functools import lru_cache
from importlib import import_module
from itertools import product
from typing import Any

import validators
from validators.content.texts import seed_texts
from validators.examples import ATTRIBUTION, SKILL
from validators.leaffile import load
from validators.limits import Limits as FileLimits
from validators.limits import TokenLimits
from validators.migration import migrate
from validators.model import Change, Commit, LintConfig
from validators.paths import ATTRIBUTION_FILE, beside, is_leaf_like
from validators.schema import VERSIONS, load_schema

NO_END = "\\ No newline at end of file"  # as git marks it in patches
_CHARACTERS = 4
"""English prose has about four characters a token; the linter estimates alike where it has no tokenizer."""


_RARE = ("difflib", "encodings.cp1252", "unicodedata", "validators.config", "validators.recovery")
"""What the linter loads where something is wrong; a child can load nothing any more."""


def warm() -> None:
    """Load rules, schemas and patterns, so that no child has to."""
    for name in _RARE:
        import_module(name)
    for version, schema in product(VERSIONS, ("compositional_skills", "knowledge")):
        load_schema(schema, version)
    path = "compositional_skills/writing/warm/qna.yaml"
    spaced, unfit = SKILL.replace("  - question", "  - question "), SKILL.replace("version: 3", "version: [3]")
    for text in (SKILL, spaced, unfit):
        validators.fix({path: text.encode(), beside(path, ATTRIBUTION_FILE): ATTRIBUTION.encode()})


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what `request["do"]` names."""
    return _DO[request["do"]](request)


def encoded(files: Mapping[str, bytes]) -> dict[str, str]:
    """Contents as JSON takes them."""
    return {path: b64encode(data).decode() for path, data in files.items()}


def decoded(files: Mapping[str, str]) -> dict[str, bytes]:
    """Contents after a journey as JSON."""
    return {path: b64decode(data) for path, data in files.items()}


def _lint(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"findings", "files", "budgets": [[path, tokens of the largest seed example, limit]]}."""
    files, config = decoded(request["files"]), _config(request)
    report = validators.lint(files, changed=request["changed"], config=config, change=_change(request["change"]))
    budgets = [_budget(path, files, config) for path in request["leaves"] if path in files]
    return {"findings": [asdict(f) for f in report.findings], "files": report.files, "budgets": budgets}


def _budget(path: str, files: Mapping[str, bytes], config: LintConfig) -> list[Any]:
    count = config.tokens or (lambda text: -(-len(text) // _CHARACTERS))
    seeds = seed_texts(load(path, files, config))
    sizes = [count("\n".join(node.text for node in seed.nodes())) for seed in seeds]
    return [path, max(sizes, default=0), config.token_limits.seed]


def _mend(request: Mapping[str, Any]) -> dict[str, Any]:
    """What `_change_of` says, and {"done": [[path, line, title]], "left": errors that remain}."""
    files = decoded(request["files"])
    change = _change(request["change"])
    result = validators.fix(files, changed=request["changed"], config=_config(request), change=change)
    new = {path: data for path, data in result.files.items() if files.get(path) != data}
    done = [[applied.path, applied.line, applied.title] for applied in result.edits]
    gone = sorted(files.keys() - result.files.keys())
    return _change_of(files, new, gone) | {"done": done, "left": result.remaining.errors}


def _change_of(files: Mapping[str, bytes], new: Mapping[str, bytes], gone: Sequence[str]) -> dict[str, Any]:
    """{"files": what is new or changed, "gone": paths that were renamed, "hunks", "patch": the same to read}.

    A hunk is [path, first line, last line, new lines]. Compared here, as hostile files make comparing slow.
    """
    hunks = [hunk for path in sorted(new) if path in files for hunk in _hunks(path, files[path], new[path])]
    patch = [line for path in sorted({*new, *gone}) for line in _patch(path, files.get(path), new.get(path))]
    return {"files": encoded(new), "gone": gone, "hunks": hunks, "patch": "\n".join(patch)}


def _lines(data: bytes | None) -> list[str]:
    """Lines as git sees them, which end with LF alone; what is no UTF-8 is replaced, as it is only shown."""
    text = (data or b"").decode("utf-8", "replace")
    return text.removesuffix("\n").split("\n") if text else []


def _hunks(path: str, before: bytes, after: bytes) -> Iterator[list[Any]]:
    """Replacements of whole lines, at least one of them: lines that come in stand beside one that stays."""
    old, new = _lines(before), _lines(after)
    for tag, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if first < last:
            yield [path, first + 1, last, new[start:end]]
        elif first > 0:
            yield [path, first, first, [old[first - 1], *new[start:end]]]
        elif old:
            yield [path, 1, 1, [*new[start:end], old[0]]]


def _patch(path: str, before: bytes | None, after: bytes | None) -> Iterator[str]:
    names = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
    return unified_diff(_marked(before), _marked(after), *names, lineterm="")


def _marked(data: bytes | None) -> list[str]:
    """Lines as patches show them: a last one without a line break says so."""
    lines = _lines(data)
    return [*lines[:-1], f"{lines[-1]}\n{NO_END}"] if lines and data and not data.endswith(b"\n") else lines


def _migrate(request: Mapping[str, Any]) -> dict[str, Any]:
    """As `_mend`; `done` holds the steps of each leaf, and "problems" why a leaf could not be carried over."""
    files = decoded(request["files"])
    new: dict[str, bytes] = {}
    done, problems, left = [], [], 0
    for path in request["changed"]:
        if path not in files or not is_leaf_like(path):
            continue
        result = migrate(path, files)
        left += len(result.missing)
        if result.problem:
            problems.append([path, result.problem])
        elif result.steps and result.text.encode() != files[path]:
            new[path] = result.text.encode()
            done += [[path, 0, step] for step in result.steps]
            if result.attribution:
                new[beside(path, ATTRIBUTION_FILE)] = result.attribution.encode()
    return _change_of(files, new, []) | {"done": done, "left": left, "problems": problems}


_DO: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"lint": _lint, "mend": _mend, "migrate": _migrate}


def _config(request: Mapping[str, Any]) -> LintConfig:
    """A configuration after its journey as JSON, which knows no tuples."""
    plain, tokenizer = request["config"], request["tokenizer"]
    whole: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    whole["token_limits"] = TokenLimits(**plain["token_limits"])
    whole["limits"] = FileLimits(**plain["limits"])
    return LintConfig(**{**whole, "tokens": counter(tokenizer) if tokenizer else None})


def _change(plain: Mapping[str, Any]) -> Change:
    return Change(plain["modes"], frozenset(plain["tree"]), tuple(Commit(**commit) for commit in plain["commits"]))


@lru_cache(maxsize=2)
def counter(tokenizer: str) -> Callable[[str], int] | None:
    """Counts tokens as the teacher does; None where that cannot be had, and the linter estimates."""
    try:
        from tokenizers import Tokenizer  # type: ignore[import-untyped, unused-ignore]

        encode = Tokenizer.from_file(tokenizer).encode
    except Exception:  # not installed, or a file that this version cannot read: `tokenizers` raises plain Exception
        return None
    return lambda text: len(encode(text, add_special_tokens=False).ids)
