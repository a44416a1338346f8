"""Set up `tests/node`: other people's tools that judge ours. Standard library only; Node comes with the dev extra.

GitHub's API description is 13 MB of a package of half a gigabyte, so that one file is taken out of its archive.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

DESCRIPTION = "package/generated/api.github.com.json"


def main() -> int:
    """Install the packages of `package-lock.json`, then the description that `package.json` names."""
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--venv", type=Path, default=Path(".venv"))
    ap.add_argument("--folder", type=Path, default=Path("tests/node"))
    args = ap.parse_args()
    path = f"{(args.venv / 'bin').resolve()}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    npm(path, args.folder, "ci", "--ignore-scripts", "--no-progress", "--loglevel=error")
    wanted = json.loads((args.folder / "package.json").read_text())["seedbed"]["openapi"]
    with tempfile.TemporaryDirectory() as scratch:
        npm(path, args.folder, "pack", wanted, "--silent", f"--pack-destination={scratch}")
        (archive,) = Path(scratch).glob("*.tgz")
        with tarfile.open(archive) as tar:
            source = tar.extractfile(DESCRIPTION)
            if source is None:
                raise SystemExit(f"{wanted} holds no {DESCRIPTION}; did the package's layout change?")
            (args.folder / "node_modules" / "github-openapi.json").write_bytes(source.read())
    return 0


def npm(path: str, folder: Path, *args: str) -> None:
    """Run npm, or stop with its exit code."""
    print(f"[install] npm {args[0]}", flush=True)
    done = subprocess.run(["npm", *args], cwd=folder, env={**os.environ, "PATH": path}, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"npm {' '.join(args)} failed (exit {done.returncode}); see its message above.")


if __name__ == "__main__":
    sys.exit(main())
