"""`seedbed publish`: bring a promoted build to where people get it, or verify what somebody published."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bot.cli.console import write
from bot.releasing import publish_build
from bot.settings import Releasing, SettingsError, load_releasing
from pipeline.provenance import signing
from pipeline.provenance.record import ProvenanceError
from pipeline.publishing.port import PublishError
from pipeline.publishing.publish import Publication
from pipeline.registry import Registry, RegistryError
from validators.output import visible

WRONG_USE = 2


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "publish",
        help="bring a promoted build to where people get it: folder, hub, Ollama, plug-ins; or verify a release",
        description="Make the release of a promoted build and bring it to the places of the setting publish_to. What "
        "is there already costs nothing, so after a failure the same command goes on.",
        epilog="example: seedbed publish --to hub --dry-run    ·    seedbed publish --verify provenance.dsse.json "
        "--key operator.pub    ·    exit codes: 0 published or verified, 1 not, 2 wrong use",
    )
    p.add_argument("build", nargs="?", metavar="BUILD", help="id of the build (default: the champion)")
    p.add_argument(
        "--to", action="append", default=[], metavar="NAME", help="only this place of publish_to; may be repeated"
    )
    p.add_argument("--again", action="store_true", help="also where the record says that it is published")
    p.add_argument("--dry-run", action="store_true", help="say what would be published where, and do nothing")
    p.add_argument("--verify", type=Path, metavar="FILE", help="check a release's provenance and the files beside it")
    p.add_argument("--key", type=Path, metavar="FILE", help="the operator's public key, for --verify (PEM)")
    p.add_argument("--state", type=Path, metavar="DIR", help="folder of the builds (setting state_dir)")
    p.add_argument("--settings", type=Path, help="TOML file with settings; the environment wins over it")
    p.add_argument("--json", action="store_true", help="print the result as JSON")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 1 when something is not published or does not hold, 2 for wrong use."""
    if args.key and not args.verify:
        print("seedbed publish: --key goes with --verify; the signing key is the setting signing_key", file=sys.stderr)
        return WRONG_USE
    if args.verify:
        return _verify(args)
    try:
        settings = load_releasing(args.settings, **({"state_dir": args.state} if args.state else {}))
        build = args.build or Registry(settings.state_dir / "registry").aliases().champion
        if build is None:
            raise SettingsError("there is no champion yet, so name a build; `seedbed build` makes one")
        if not (settings.state_dir / "builds" / build / "manifest.json").is_file():
            raise SettingsError(f"there is no build {build!r} in {settings.state_dir / 'builds'}")
        found = _publish(settings, build, args)
    except SettingsError as error:
        print(f"seedbed publish: {error}", file=sys.stderr)
        return WRONG_USE
    except (PublishError, RegistryError) as error:
        print(f"seedbed publish: {visible(str(error))}", file=sys.stderr)
        return 1
    _say(found, args)
    return int(not found.ok)


def _publish(settings: Releasing, build: str, args: argparse.Namespace) -> Publication:
    return publish_build(
        settings, settings.state_dir, build, progress=_progress, only=args.to, again=args.again, dry_run=args.dry_run
    )


def _say(found: Publication, args: argparse.Namespace) -> None:
    if args.json:
        write(json.dumps(found.to_json(), indent=2) + "\n")
    for made in found.gguf:
        if made.reason:
            print(f"note: no {made.kind} GGUF: {visible(made.reason)}", file=sys.stderr)
    if found.digest and not found.signer:
        print(
            "note: the provenance is NOT SIGNED, so nobody can tell who made this release; set signing_key",
            file=sys.stderr,
        )
    if found.problem:
        print(f"seedbed publish: {visible(found.problem)}", file=sys.stderr)
    for target in found.targets:
        line = f"{target.outcome}: build {found.build_id}, {target.name} {visible(target.where)}"
        reason = f": {visible(target.reason)}" if target.reason else ""
        if target.outcome in ("failed", "differs"):
            print(line + reason, file=sys.stderr)
        elif not args.json:
            write(line + "\n")
    if not (args.json or found.targets or found.problem):
        write("publish_to names no place, so nothing is published\n")


def _verify(args: argparse.Namespace) -> int:
    try:
        key = signing.read_public_key(args.key) if args.key else None
        found = signing.verify(args.verify, key)
    except ProvenanceError as error:
        print(f"seedbed publish --verify: {visible(str(error))}", file=sys.stderr)
        return 1
    if args.json:
        plain = {"version": 1, "build": found.build_id, "key": found.key, "files": found.files}
        write(json.dumps(plain, indent=2) + "\n")
    if not found.key:
        print(
            f"seedbed publish --verify: the {found.files} files are as {args.verify} says, but it is NOT SIGNED: "
            "whoever changed them could have changed it too",
            file=sys.stderr,
        )
        return 1
    if not args.json:
        write(f"build {found.build_id}: signed by key {found.key[:16]}, {found.files} files are as it says\n")
    return 0


def _progress(doing: str, fraction: float) -> None:
    if sys.stderr.isatty():
        text = f"{visible(doing)} {fraction:.0%}" if fraction < 1 else ""
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
