"""The linter's configuration of a taxonomy: the section `lint` of `.seedbed.yaml`. Other sections are for others.

lint:
  schema: newest
  select: [default]
  ignore: [yaml-truthy]
  levels: {dco-signoff: error, attribution-source: off}
  licenses: [CC-BY-4.0, CC0-1.0]
  hosts: [github.com]
  tokens: {context: 800}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from validators.content import licenses
from validators.limits import TokenLimits
from validators.model import Level, LintConfig, SchemaMode, Span
from validators.paths import CONFIG_FILE
from validators.source import Source
from validators.yamltree import Node, YamlError, parse

SECTION = "lint"
_DEFAULT = LintConfig()
_START = Span()
MAX_BYTES = 64 * 1024
OFF = "off"
_TOKENS = ("context", "question", "answer", "seed")
_LEVELS: tuple[Level, ...] = get_args(Level)
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}|127\.0\.0\.1|localhost")
_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")


class ConfigError(Exception):
    """`.seedbed.yaml` cannot be used. `message` says what is wrong and how to mend it, `span` where."""

    def __init__(self, message: str, span: Span = _START) -> None:
        super().__init__(f"{CONFIG_FILE}:{span.line}:{span.column}: {message}")
        self.message = message
        self.span = span

    @property
    def line(self) -> int:
        """Counted from 1."""
        return self.span.line

    @property
    def column(self) -> int:
        """Counted from 1."""
        return self.span.column


def parse_config(data: bytes, base: LintConfig = _DEFAULT) -> LintConfig:
    """`base` with what a configuration file sets; an empty file sets nothing. Raises ConfigError.

    Nothing is read beside `data`. Rules are looked up, so entry points of other distributions are imported.
    """
    source = _source(data)
    try:
        root = parse(source)
    except YamlError as error:
        span = source.span(error.problem.start, error.problem.end)
        raise ConfigError(f"{error.problem.message}; {error.problem.help}".rstrip("; "), span) from None
    section = _section(_Place(source, root, "the file")) if root and root.value is not None else None
    if section is None:
        return base
    for key, place in section.entries({"schema", "select", "ignore", "levels", "licenses", "hosts", "tokens"}):
        base = _READERS[key](base, place)
    return base


def merged(
    config: LintConfig,
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    schema: SchemaMode | None = None,
) -> LintConfig:
    """`config` with what a command line says. A selection given there stands alone; rules to ignore are added."""
    chosen, left_out = tuple(select), tuple(ignore)
    if chosen:
        config = replace(config, select=chosen, ignore=left_out)
    elif left_out:
        config = replace(config, ignore=(*config.ignore, *left_out))
    return config if schema is None else replace(config, schema=schema)


@dataclass(frozen=True, slots=True)
class _Place:
    """A value of the file. `name` is what messages call it."""

    source: Source
    node: Node
    name: str

    def error(self, message: str) -> ConfigError:
        return ConfigError(message, self.source.span(self.node.start, self.node.end))

    def entries(self, known: Iterable[str], what: str = "") -> Iterator[tuple[str, _Place]]:
        """Keys and values of a mapping; a key that is not known, or stands twice, is an error. `what`: a key is."""
        if self.node.value is None:
            return
        if self.node.kind != "mapping":
            raise self.error(f"{self.name} must hold `key: value` lines")
        for _, (key, _), *_more in self.node.repeated():
            raise replace(self, node=key).error(f"`{key.text}` stands twice in {self.name}; delete one")
        for key, value in self.node.entries:
            if key.text not in known:
                message = f"`{key.text[:60]}` is no {what or f'key of {self.name}'}"
                raise replace(self, node=key).error(message + _perhaps(key.text, known))
            yield key.text, _Place(self.source, value, f"`{key.text}`")

    def words(self) -> Iterator[tuple[str, _Place]]:
        """The texts of a list; one text alone counts as a list of one."""
        if self.node.value is None:
            return
        items = [self.node] if self.node.kind == "scalar" else self.node.items
        if self.node.kind == "mapping":
            raise self.error(f"{self.name} must be a list, such as [first, second]")
        for item in items:
            if item.kind != "scalar" or not item.text:
                raise replace(self, node=item).error(f"{self.name} must be a list of words")
            yield item.text, replace(self, node=item)


def _source(data: bytes) -> Source:
    if len(data) > MAX_BYTES:
        raise ConfigError(f"the file has more than {MAX_BYTES // 1024} KiB")
    try:
        return Source(data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        before = Source(data[: error.start].decode("utf-8").removeprefix("\ufeff"))
        raise ConfigError("the file is not UTF-8", before.span(len(before.text), len(before.text))) from None


def _section(root: _Place) -> _Place | None:
    """The value of `lint`. Sections of other names are not ours, unless one is a slip of the pen."""
    if root.node.kind != "mapping":
        raise root.error(f"the file must begin with `{SECTION}:`")
    if (found := root.node.entry(SECTION)) is not None:
        return _Place(root.source, found[1], f"`{SECTION}`")
    for key, _ in root.node.entries:
        if _nearest(key.text, (SECTION, "linter", "linting")):
            raise replace(root, node=key).error(f"`{key.text[:60]}` is no section; did you mean `{SECTION}`?")
    return None


def _schema(config: LintConfig, place: _Place) -> LintConfig:
    value = place.node.value
    if value in ("newest", "declared") or (type(value) is int and value in (1, 2, 3)):
        return replace(config, schema=value)
    raise place.error("`schema` must be newest, declared, or a version from 1 to 3")


def _select(config: LintConfig, place: _Place) -> LintConfig:
    chosen = tuple(_rule_or_group(word, at) for word, at in place.words())
    if not chosen:
        raise place.error("`select` is empty, so nothing would be judged; write [default], or leave the line out")
    return replace(config, select=chosen)


def _ignore(config: LintConfig, place: _Place) -> LintConfig:
    return replace(config, ignore=(*config.ignore, *(_rule_or_group(word, at) for word, at in place.words())))


def _levels(config: LintConfig, place: _Place) -> LintConfig:
    """A level for each rule. `off` needs no quotes, though YAML reads it as a boolean."""
    rules = _rules()
    levels = dict(config.levels)
    off: list[str] = []
    for rule, at in place.entries(rules, "rule"):
        level = at.node.text if at.node.kind == "scalar" else ""
        if level == OFF:
            off.append(rule)
        elif level in _LEVELS:
            levels[rule] = level
        else:
            choices = (*_LEVELS, OFF)
            raise at.error(f"the level of `{rule}` must be one of {', '.join(choices)}" + _perhaps(level, choices))
    return replace(config, levels=levels, ignore=(*config.ignore, *off))


def _licenses(config: LintConfig, place: _Place) -> LintConfig:
    chosen = []
    for word, at in place.words():
        meant = licenses.identifier(word)
        if meant not in (None, word) or not _LICENSE.fullmatch(word):
            like = meant or licenses.nearest(word, licenses.KNOWN)
            hint = f"; did you mean {like}?" if like else ""
            raise at.error(f"{word[:60]!r} is no SPDX licence identifier{hint}")
        chosen.append(word)
    if not chosen:
        raise place.error("`licenses` is empty, so no leaf could be accepted; leave the line out for the usual ones")
    return replace(config, licenses=tuple(chosen))


def _hosts(config: LintConfig, place: _Place) -> LintConfig:
    chosen = []
    for word, at in place.words():
        if not _HOST.fullmatch(word):
            raise at.error(f"{word[:60]!r} is no host name; write it small and without https://, as github.com")
        chosen.append(word)
    return replace(config, hosts=tuple(chosen))


def _tokens(config: LintConfig, place: _Place) -> LintConfig:
    limits: dict[str, int] = {}
    for name, at in place.entries(_TOKENS):
        value = at.node.value
        if type(value) is not int or not 0 < value <= 1_000_000:
            raise at.error(f"{at.name} must be a whole number above 0")
        limits[name] = value
    given: TokenLimits = replace(config.token_limits, **limits)
    return replace(config, token_limits=given)


_READERS: dict[str, Callable[[LintConfig, _Place], LintConfig]] = {
    "schema": _schema,
    "select": _select,
    "ignore": _ignore,
    "levels": _levels,
    "licenses": _licenses,
    "hosts": _hosts,
    "tokens": _tokens,
}


def _rule_or_group(word: str, place: _Place) -> str:
    rules = _rules()
    names = {*rules, "all", *(group for rule in rules.values() for group in rule.groups)}
    if word not in names:
        raise place.error(f"no rule or group is named `{word[:60]}`{_perhaps(word, names)}")
    return word


def _rules() -> dict[str, Any]:
    from validators.registry import RULES  # rules read configurations, so this module must not need them at its start
    from validators.rules import load_rules

    load_rules()
    return RULES


def _perhaps(word: str, known: Iterable[str]) -> str:
    like = _nearest(word, known)
    return f"; did you mean `{like}`?" if like else ""


def _nearest(word: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches  # only where something is wrong

    found = get_close_matches(word.casefold()[:60], sorted(known), 1, 0.7)
    return found[0] if found else None
