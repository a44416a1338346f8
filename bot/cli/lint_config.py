"""The configuration of `seedbed lint`: the taxonomy's `.seedbed.yaml`, and over it what the command line says."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot.cli.lint_files import UsageError, read_plain
from bot.cli.lint_git import read_at
from validators.model import LintConfig
from validators.paths import CONFIG_FILE


def configuration(root: Path, args: argparse.Namespace) -> LintConfig:
    """What to judge the taxonomy at `root` by. Raises UsageError with the place of a fault, and GitError."""
    name, data = _file(root, args.config, args.base)
    if data is None and not (args.select or args.ignore or args.schema is not None):
        return LintConfig()
    from validators.config import ConfigError, merged, parse_config  # most taxonomies do without

    try:
        config = LintConfig() if data is None else parse_config(data)
    except ConfigError as error:
        raise UsageError(f"{name}:{error.line}:{error.column}: {error.message}") from None
    return merged(config, select=_names(args.select), ignore=_names(args.ignore), schema=args.schema)


def _file(root: Path, given: Path | None, base: str | None) -> tuple[str, bytes | None]:
    """(the file's name for messages, its content if there is one).

    With a base it comes from there: a change must not bring the rules that it is judged by.
    """
    if given is not None:
        try:
            return str(given), given.read_bytes()
        except OSError as error:
            raise UsageError(f"{given} cannot be read: {error.strerror}") from None
    if base is not None:
        return f"{base}:{CONFIG_FILE}", read_at(root, base, CONFIG_FILE)
    try:
        data = read_plain(root / CONFIG_FILE)
    except FileNotFoundError:
        return CONFIG_FILE, None
    except OSError as error:
        raise UsageError(f"{root / CONFIG_FILE} cannot be read: {error.strerror}") from None
    if data is None:
        raise UsageError(f"{root / CONFIG_FILE} is no plain file")
    return str(root / CONFIG_FILE), data


def _names(values: list[str] | None) -> tuple[str, ...]:
    """Comma-separated names, given once or more often."""
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())
