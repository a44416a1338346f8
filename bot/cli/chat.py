"""`seedbed chat`: talk to the community's model in the terminal, beside the base it grew from if you like."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.console import write
from bot.settings import Making, SettingsError, load_making
from validators.output import visible

if TYPE_CHECKING:
    from pipeline.serving.choice import Choice
    from pipeline.serving.speaker import Reply, Speaker

WRONG_USE = 2
ANSWER_TOKENS = 256
_KEYS = "/reset begins a new conversation, /quit ends (as Ctrl-D does), Ctrl-C stops an answer"
_NO_CHAMPION = "no build has been promoted yet, so there is no champion: this is the base model alone"


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "chat",
        help="talk to the community's model in the terminal, beside its base if you like",
        description="Talk to the champion, to the pinned base, or to any build, also one that was not promoted. "
        "Answers are greedy: the same questions have the same answers.",
        epilog="example: seedbed chat --side-by-side    ·    "
        "exit codes: 0 well, 1 the model does not answer, 2 wrong use",
    )
    whom = p.add_mutually_exclusive_group()
    whom.add_argument(
        "--champion", action="store_true", help="the build that serves (what is meant if nothing is said)"
    )
    whom.add_argument("--base", action="store_true", help="the pinned base model")
    whom.add_argument("--build", metavar="ID", help="a build, promoted or not")
    p.add_argument("--side-by-side", action="store_true", help="ask the base model, too, and show both answers")
    p.add_argument("--message", metavar="TEXT", help="ask this one thing, print the answer and end")
    p.add_argument(
        "--max-tokens", type=int, default=ANSWER_TOKENS, metavar="N", help=f"longest answer (default {ANSWER_TOKENS})"
    )
    p.add_argument("--json", action="store_true", help="print each question and its answers as a line of JSON")
    p.add_argument(
        "--settings", type=Path, metavar="FILE", help="TOML file with settings; the environment wins over it"
    )
    p.add_argument("--state", type=Path, metavar="DIR", help="folder with builds and registry (setting state_dir)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Talk until there is nothing more to say."""
    from pipeline.models import ModelError
    from pipeline.registry import RegistryError
    from pipeline.serving.speaker import Speaker, SpeakerError

    try:
        if args.max_tokens < 1:
            raise SettingsError("--max-tokens must be 1 or more")
        settings = load_making(args.settings, **({"state_dir": args.state} if args.state else {}))
        choices = chosen(args, settings)
        with ExitStack() as stack:
            speakers = [stack.enter_context(closing(Speaker(choice))) for choice in choices]
            return _once(args, speakers, args.message) if args.message is not None else _talk(args, speakers)
    except SettingsError as error:
        return _fail(error, WRONG_USE)
    except (ModelError, RegistryError, SpeakerError, OSError) as error:
        return _fail(error, 1)


def chosen(args: argparse.Namespace, settings: Making) -> list[Choice]:
    """The models that the arguments mean. Says so where a champion was meant and there is none.

    Raises `ModelError` and `RegistryError`.
    """
    from pipeline.serving.choice import Models

    models = Models(settings.state_dir, settings.student_model)
    champion = models.champion()
    build = args.build or (None if args.base and not args.side_by_side else champion)
    if build is None:
        if not args.base or args.side_by_side:
            print(f"seedbed chat: {_NO_CHAMPION}", file=sys.stderr)
        return [models.choose(None)]
    return [models.choose(build), *([models.choose(None)] if args.side_by_side else [])]


def _once(args: argparse.Namespace, speakers: Sequence[Speaker], message: str) -> int:
    if not message.strip():
        raise SettingsError("--message is empty")
    _ask_all(args, speakers, message)
    return 0


def _talk(args: argparse.Namespace, speakers: Sequence[Speaker]) -> int:
    from pipeline.serving.speaker import SpeakerError

    if sys.stdin.isatty():
        names = " and ".join(visible(speaker.choice.model.name) for speaker in speakers)
        print(f"You talk to {names}. {_KEYS}.", file=sys.stderr)
    failed = 0
    for line in _lines():
        if line in ("/quit", "/exit"):
            break
        if line == "/reset":
            for speaker in speakers:
                speaker.reset()
            print("a new conversation", file=sys.stderr)
        elif line.startswith("/"):
            print(f"there is no command {visible(line.split()[0])}; {_KEYS}", file=sys.stderr)
        else:
            try:
                failed = 0
                _ask_all(args, speakers, line)
            except SpeakerError as error:
                failed = _fail(error, 1)
            except KeyboardInterrupt:
                print("\nstopped; the model is loaded again with the next question", file=sys.stderr)
    return failed


def _lines() -> Iterator[str]:
    """What is typed or piped in, without empty lines."""
    if sys.stdin.isatty():
        import readline  # noqa: F401 - gives `input` its editing and history
    while True:
        try:
            line = input("\nyou> " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if line:
            yield line


def _ask_all(args: argparse.Namespace, speakers: Sequence[Speaker], question: str) -> None:
    answers = []
    for speaker in speakers:
        voice = _Voice(speaker.choice.model.name, quiet=args.json)
        try:
            reply = speaker.ask(question, args.max_tokens, voice)
        finally:
            voice.end()
        answers.append(_plain(speaker.choice, reply))
        if not args.json:
            _remark(reply, args.max_tokens)
    if args.json:
        write(json.dumps({"version": 1, "message": question, "answers": answers}, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def _plain(choice: Choice, reply: Reply) -> dict[str, Any]:
    return {"model": choice.model.name, "build": choice.build, **asdict(reply), "seconds": round(reply.seconds, 3)}


def _remark(reply: Reply, most: int) -> None:
    if reply.forgotten:
        print(f"[answered without the first {reply.forgotten} messages: the window is full]", file=sys.stderr)
    if not reply.ended:
        print(f"[cut after {most} tokens: --max-tokens]", file=sys.stderr)


class _Voice:
    """Prints an answer as it comes, under the name of who speaks; says that a model loads where that takes long."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        self._quiet, self._spoke = quiet, False
        self._waits = not quiet and sys.stderr.isatty()
        if self._waits:
            print(f"{visible(name)}> loading …", end="", file=sys.stderr, flush=True)
        self._name = visible(name)

    def __call__(self, piece: str) -> None:
        if self._waits:
            self._waits = False
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        if self._quiet:
            return
        if not self._spoke:
            self._spoke = True
            write(f"{self._name}> ")
        write("\n".join(visible(line) for line in piece.split("\n")))
        sys.stdout.flush()

    def end(self) -> None:
        """After the last piece, or where there is none."""
        if self._waits:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        if self._spoke:
            write("\n")
            sys.stdout.flush()


def _fail(error: Exception, code: int) -> int:
    print(f"seedbed chat: {error}", file=sys.stderr)
    return code
