"""llama.cpp's own converter and quantiser, where an operator has them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from pipeline.publishing.gguf.kinds import FORMATS, Kind
from pipeline.publishing.gguf.tensors import GgufError

SECONDS = 4 * 3600
_BY_CONVERTER = ("f16", "q8_0")  # what convert_hf_to_gguf.py writes by itself


def convert(converter: Path, model: Path, out: Path, kind: Kind) -> None:
    """Write `out` with convert_hf_to_gguf.py, four bits by llama-quantize on the PATH. Raises `GgufError`."""
    if kind in _BY_CONVERTER:
        _run([sys.executable, str(converter), str(model), "--outfile", str(out), "--outtype", kind])
        return
    quantiser = shutil.which("llama-quantize")
    if quantiser is None:
        raise GgufError(f"{FORMATS[kind].label} by llama.cpp needs its program llama-quantize on the PATH")
    whole = out.with_name(f".{out.name}.f16.part")
    try:
        convert(converter, model, whole, "f16")
        _run([quantiser, str(whole), str(out), FORMATS[kind].label])
    finally:
        whole.unlink(missing_ok=True)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GgufError(f"{Path(command[0]).name} did not run: {error}") from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise GgufError(f"{Path(command[0]).name} {Path(command[1]).name} failed ({done.returncode}): {last[0][:300]}")
