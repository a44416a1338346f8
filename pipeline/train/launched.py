"""One tuning run in many processes: `accelerate launch` starts them, here they are watched. Runs in a child process.

Every process runs `python -m pipeline.train JOB` (pipeline/train/__main__.py); the first of them tells on its output,
a line each, what happens. They end with this process, however it ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.files import write_durably
from pipeline.recipe import Recipe
from pipeline.train.checkpoints import newest_whole
from pipeline.train.port import TrainError
from pipeline.train.trouble import OutOfMemory
from pipeline.train.tune import claim

Emit = Callable[[dict[str, Any]], None]
TELL = "seedbed-tells "  # before a line of JSON among whatever libraries print
_LAST_LINES = 8


def launch(payload: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Tune in as many processes as the recipe says. `payload` and result as of `pipeline.train.tune:tune`."""
    if finished := claim(payload):
        return finished
    out, recipe = Path(payload["out"]), Recipe(**payload["recipe"])
    checkpoint = newest_whole(out)
    job = out / "launch.json"
    write_durably(job, json.dumps(payload | {"checkpoint": str(checkpoint) if checkpoint else None}).encode())
    last: list[str] = []
    trouble: dict[str, str] | None = None
    with subprocess.Popen(
        launch_command(recipe, job, cpu=not _has_cuda()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        for line in process.stdout or ():
            if not line.startswith(TELL):
                last = [*last[1 - _LAST_LINES :], line.rstrip()]
            elif "trouble" in (told := json.loads(line.removeprefix(TELL))):
                trouble = trouble or told["trouble"]
            else:
                emit(told)
    if process.returncode:
        raise _ended(process.returncode, trouble, last)
    result: dict[str, Any] = json.loads((out / "result.json").read_bytes())
    return result


def launch_command(recipe: Recipe, job: Path, *, cpu: bool) -> list[str]:
    """The command line that starts all processes. `cpu`: there is no GPU, so they share the cores."""
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    command += ["--num_processes", str(recipe.processes), "--num_machines", "1", "--dynamo_backend", "no"]
    command += ["--mixed_precision", "bf16" if recipe.dtype == "bfloat16" else "no"]
    command += ["--main_process_port", "0"] if recipe.processes > 1 else []
    command += ["--cpu"] if cpu else []
    if recipe.shard:
        command += ["--use_fsdp", "--fsdp_version", "2", "--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP"]
        command += ["--fsdp_state_dict_type", "SHARDED_STATE_DICT", "--fsdp_reshard_after_forward", "true"]
    elif recipe.processes > 1 and not cpu:
        command += ["--multi_gpu"]
    return [*command, "--module", "pipeline.train", str(job)]


def _ended(code: int, trouble: dict[str, str] | None, last: list[str]) -> TrainError:
    if trouble is None:
        words = "".join(f"\n  {line}" for line in last)
        return TrainError(f"a process of the launch ended with code {code} and said nothing; the last lines:{words}")
    kind = OutOfMemory if trouble["type_name"] == "OutOfMemory" else TrainError
    return kind(trouble["message"])


def _has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())
