"""Entry point of `seedbed`; imports only the subcommand asked for, so that `lint` and `--help` stay instant."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

COMMANDS = {
    "lint": "judge qna.yaml leaves: what is wrong, where, and how to mend it",
    "rule": "list the linter's rules, or explain one",
    "new": "start a leaf: its files with comments that teach the format",
    "migrate": "carry leaves of version 1 and 2 to version 3",
    "demo": "one contribution's whole way on this machine, from pull request to promoted model",
    "doctor": "say what works here, which engine teaches, and what is missing",
    "serve": "answer the forge's webhooks and show the status pages",
    "worker": "run the jobs: lint, preview, generate, build",
    "jobs": "list the bot's jobs; retry, cancel or forget them",
    "replay": "have lost webhook deliveries sent again, or post a recorded one",
    "export": "write the datasets as files: InstructLab, Parquet, lm-eval, dataset card",
    "generate": "make the samples of a taxonomy's leaves here, or say what it would cost",
    "preview": "show what the teacher makes of leaf files, before anything is committed",
    "build": "run one build now: mix, tune, evaluate, gate, promote or hold",
    "store": "look after what is stored: figures, faults, repair, what may go",
    "rollback": "put the previous champion back, or any earlier one",
    "quarantine": "the leaves that builds leave out because they harmed others; release one",
    "publish": "bring a promoted build to where people get it, or verify what was published",
    "chat": "talk to the community's model in the terminal, beside its base if you like",
    "serve-model": "serve the champion through vLLM with an OpenAI-compatible API",
    "localhub": "a small GitHub-compatible server on this machine",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand. Exit codes: 0 well, 1 errors found or the work failed, 2 wrong use."""
    argv = list(sys.argv[1:] if argv is None else argv)
    args = parser(argv).parse_args(argv)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0  # `seedbed lint | head` is no error


def parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the subcommand named in `argv` is imported and filled in."""
    top = argparse.ArgumentParser(
        prog="seedbed",
        description="A community grows a language model through pull requests.",
        epilog="example: seedbed lint knowledge/    ·    seedbed COMMAND --help tells more",
    )
    top.add_argument("--version", action=Version, nargs=0, help="print the version and stop")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    asked = next((a for a in argv if not a.startswith("-")), None)
    for name, summary in COMMANDS.items():
        if name == asked:
            load(name).add_parser(commands)
        else:
            commands.add_parser(name, help=summary)
    return top


def load(name: str) -> Any:  # a module with `add_parser`
    """Import a subcommand; a missing extra is said in words."""
    try:
        return import_module(f"bot.cli.{name.replace('-', '_')}")
    except ModuleNotFoundError as missing:
        if missing.name and missing.name.split(".")[0] in {"bot", "pipeline", "validators"}:
            raise
        print(
            f"seedbed {name} needs the package {missing.name!r}, which is not installed.\n"
            f"Install what it needs: pip install 'seedbed[bot,train]'  (only linting works without)",
            file=sys.stderr,
        )
        raise SystemExit(2) from missing


class Version(argparse.Action):
    """Print the installed version; looked up only when asked, because importlib.metadata is slow to import."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        """Called by argparse."""
        from importlib.metadata import version

        print(f"seedbed {version('seedbed')}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
