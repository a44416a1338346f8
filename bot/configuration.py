"""What the linter judges a pull request by: the configuration at its base, never the one that it brings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from bot.forge.port import Forge
from bot.settings import Settings
from validators.config import MAX_BYTES, ConfigError, parse_config
from validators.model import Finding, Level, LintConfig, Span
from validators.paths import CONFIG_FILE

RULE = "configuration"
_LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Configuration:
    """How to judge, and what is to be said about that."""

    config: LintConfig
    notes: tuple[Finding, ...] = ()


def configuration(forge: Forge, settings: Settings, base_sha: str, author: str) -> Configuration:
    """The configuration at the base commit, for a change by `author`; the default one where that cannot be used."""
    usual = LintConfig(author=author, hosts=settings.document_hosts)
    data = _at(forge, base_sha)  # type: ignore[arg-type]  # every adapter is an object with an identity
    notes: tuple[Finding, ...] = ()
    try:
        config = parse_config(data, usual)
    except ConfigError as error:
        config, notes = usual, (_unusable(error),)
    return Configuration(replace(config, hosts=_reachable(config.hosts, settings)), notes)


@lru_cache(maxsize=64)
def _at(forge: Forge, base_sha: str) -> bytes:
    """The file at a commit, which never changes: most pull requests share their base."""
    return forge.file(base_sha, CONFIG_FILE, limit=MAX_BYTES) or b""


def changes_configuration(changed: Iterable[str]) -> tuple[Finding, ...]:
    """What a pull request that brings another configuration is told."""
    if CONFIG_FILE not in changed:
        return ()
    message = "this change was judged by the configuration at its base, not by the one that it brings"
    return (_note("hint", Span(), message, "The new configuration holds for pull requests opened after the merge."),)


def _reachable(hosts: Iterable[str], settings: Settings) -> tuple[str, ...]:
    """Of the taxonomy's hosts those that this bot fetches from."""
    loopback = _LOOPBACK if settings.document_loopback else ()
    return tuple(dict.fromkeys((*(host for host in hosts if host in settings.document_hosts), *loopback)))


def _unusable(error: ConfigError) -> Finding:
    message = f"the configuration cannot be used, so the default one was: {error.message}"
    remedy = "This is for the maintainers: mend the file on the main branch. It is no fault of this pull request."
    return _note("warning", error.span, message[:500], remedy)


def _note(level: Level, span: Span, message: str, help: str) -> Finding:
    place = (span.line, span.column, span.end_line, span.end_column)
    return Finding(RULE, level, CONFIG_FILE, *place, message, help)
