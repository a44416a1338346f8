"""A model in the Ollama of this machine, by the command `ollama`."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from pipeline.publishing.gguf.texts import MODELFILE
from pipeline.publishing.port import Progress, PublishError, Release
from pipeline.publishing.release import GGUF

SECONDS = 3600
_BLOB = re.compile(r"^FROM\s+.*sha256[-:]([0-9a-f]{64})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OllamaPublisher:
    """`model`: its name there, without a tag. `model:build-<id>` is each build, `model:latest` the one sealed last."""

    model: str
    name: str = "ollama"

    @property
    def where(self) -> str:
        """The name that `ollama run` takes."""
        return self.model

    def put(self, release: Release, progress: Progress) -> str:
        """Create the model from the release's Modelfile. Raises `PublishError`."""
        file = release.folder / GGUF / MODELFILE
        if not file.is_file():
            raise PublishError(
                f"build {release.build_id} has no GGUF file that may be released, so Ollama gets none; "
                "gguf/checks.json says why"
            )
        reference = f"{self.model}:{release.tag}"
        progress(f"ollama create {reference}", 0.5)
        _ollama("create", reference, "-f", str(file))
        return reference

    def check(self, release: Release, reference: str) -> tuple[str, ...]:
        """Compare the digest of the weights that Ollama took with the file's. Raises `PublishError`."""
        blob = _BLOB.search(_ollama("show", reference, "--modelfile"))
        path = _weights(release)
        return () if blob and blob[1] == release.sums()[path] else (path,)

    def seal(self, release: Release, reference: str) -> None:
        """Point `latest` at it. Raises `PublishError`."""
        _ollama("cp", reference, f"{self.model}:latest")


def _weights(release: Release) -> str:
    text = (release.folder / GGUF / MODELFILE).read_text(encoding="utf-8")
    return f"{GGUF}/{text.splitlines()[0].removeprefix('FROM ./')}"


def _ollama(*arguments: str) -> str:
    program = shutil.which("ollama")
    if program is None:
        raise PublishError("the command ollama is not on the PATH; install it, or take ollama out of publish_to")
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PublishError(f"ollama {arguments[0]} did not run: {error}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise PublishError(
            f"ollama {arguments[0]} failed ({done.returncode}): {last[:300]}; is `ollama serve` running?"
        )
    return done.stdout
