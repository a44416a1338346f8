"""The servers of the bench, each in a process of its own that ends with the block, also on Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.models import DEFAULT_MODEL, resolve
from pipeline.teacher.vllm import ENVIRONMENT, cpu_dtype
from tests.bench import simulated_teacher

ROOT = Path(__file__).parents[2]
REAL_MODEL = "smollm2"
_LOAD_S = 300


@dataclass(frozen=True)
class Simulated:
    """A running simulated teacher."""

    address: str
    speed_up: float
    model: str = simulated_teacher.MODEL

    @property
    def url(self) -> str:
        """For OpenAI's clients."""
        return f"{self.address}/v1"

    def reset(self) -> None:
        """Count from zero."""
        _fetch(f"{self.address}/reset", b"")

    def report(self) -> dict[str, Any]:
        """What it counted; see `generate_meter.Meter.report`."""
        found: dict[str, Any] = json.loads(_fetch(f"{self.address}/report"))
        return found


@dataclass(frozen=True)
class Real:
    """A running vLLM with SmolLM2."""

    address: str
    model: str = REAL_MODEL

    @property
    def url(self) -> str:
        """For OpenAI's clients."""
        return f"{self.address}/v1"

    def counters(self) -> dict[str, float]:
        """Prompt and output tokens and finished sequences since it started, by its own metrics."""
        text = _fetch(f"{self.address}/metrics").decode()
        return {name: _total(text, metric) for name, metric in _METRICS.items()}


_METRICS = {
    "prompt_tokens": "vllm:prompt_tokens_total",
    "output_tokens": "vllm:generation_tokens_total",
    "sequences": "vllm:request_success_total",
    "cached_tokens": "vllm:prefix_cache_hits_total",
}


@contextmanager
def simulated(speed_up: float, leaves: Sequence[Path]) -> Iterator[Simulated]:
    """A simulated teacher that knows the seeds of `leaves`."""
    command = [sys.executable, "-m", "tests.bench.simulated_teacher", "--speed-up", str(speed_up)]
    process = subprocess.Popen(
        [*command, "--leaves", *map(str, leaves)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with ended(process):
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError(f"the simulated teacher did not start (exit code {process.wait(timeout=10)})")
        yield Simulated(f"http://127.0.0.1:{port}", speed_up)


@contextmanager
def real(log: Path, python: str = sys.executable) -> Iterator[Real]:
    """vLLM's own server with the packaged model, set up as design §7 says; its output goes to `log`."""
    port = _free_port()
    environment = {**os.environ, **ENVIRONMENT, "VLLM_CPU_KVCACHE_SPACE": "4"}
    flags = {
        "--model": str(resolve(DEFAULT_MODEL).path),
        "--served-model-name": REAL_MODEL,
        "--host": "127.0.0.1",
        "--port": str(port),
        "--max-model-len": "8192",
        "--max-num-seqs": "256",
        "--max-num-batched-tokens": "16384",
        "--block-size": "32",  # as in pipeline/teacher/vllm_terms.py, which says why
        "--dtype": cpu_dtype(),
    }
    switches = ["--enforce-eager", "--enable-prefix-caching", "--no-enable-chunked-prefill"]
    command = [python, "-m", "vllm.entrypoints.openai.api_server", *switches]
    command += [word for flag in flags.items() for word in flag]
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
        with ended(process, group=True):
            _wait_for(f"http://127.0.0.1:{port}/health", process, log)
            yield Real(f"http://127.0.0.1:{port}")


@contextmanager
def ended(process: subprocess.Popen[str] | subprocess.Popen[bytes], *, group: bool = False) -> Iterator[None]:
    """End a process, or all of its group, with the block."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 15) if group else process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9) if group else process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes] | subprocess.Popen[str], log: Path) -> None:
    until = time.monotonic() + _LOAD_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"vLLM's server ended (exit code {process.returncode}); see {log}")
        try:
            _fetch(url)
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"vLLM's server does not answer after {_LOAD_S} s; see {log}")


def _fetch(url: str, data: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, data, timeout=30) as reply:
        body: bytes = reply.read()
    return body


def _total(text: str, metric: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{re.escape(metric)}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
