"""Whether this machine has a CUDA card."""

import shutil
import subprocess

GPU = shutil.which("nvidia-smi") is not None and subprocess.run(["nvidia-smi", "-L"], check=False).returncode == 0
