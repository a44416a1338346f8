"""What went wrong, told from the many ways in which libraries say it: a full disk, or no memory left."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

from pipeline.train.port import TrainError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_COUNTERS = (("/proc/vmstat", "oom_kill"), ("/sys/fs/cgroup/memory.events", "oom_kill"))


class OutOfMemory(TrainError):
    """There was not enough memory for a micro batch; a smaller one may fit."""


def disk_trouble(error: BaseException | None) -> str | None:
    """Why the disk refused to take more, where that is what `error` or its cause is about; else None."""
    while error is not None:
        text = str(error)
        if isinstance(error, OSError) and error.errno in _FULL:
            return error.strerror or "no space left"
        # safetensors and torch report a failed write in words only.
        for code in _FULL:
            if f"os error {code}" in text:
                return text
        if "PytorchStreamWriter failed" in text or "unexpected pos" in text:
            return "the file system refused a write"
        error = error.__cause__ or error.__context__
    return None


def memory_trouble(error: BaseException | None) -> bool:
    """Whether `error` or its cause says that memory ran out, on a device or here."""
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        if "can't allocate memory" in str(error) or "not enough memory" in str(error):  # torch on a CPU has no own type
            return True
        error = error.__cause__ or error.__context__
    return False


def peak_bytes() -> int:
    """The most memory that this process has held: on its GPU where it has one, else here."""
    import resource

    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def killed_for_memory() -> int:
    """How many processes the kernel has killed since memory ran out, here or in this container; 0 where unknown."""
    count = 0
    for path, name in _COUNTERS:
        try:
            lines = Path(path).read_text(encoding="ascii").splitlines()
        except OSError:
            continue  # not Linux, or no such group
        count += sum(int(line.split()[1]) for line in lines if line.split()[0] == name)
    return count
