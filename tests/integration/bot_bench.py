"""A bot without network or model: memory forge, memory engine, scripted teacher, and a real bare repository."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.context import Context
from bot.engine.memory import MemoryEngine
from bot.forge.memory import MemoryForge
from bot.forge.port import Check, Pull
from bot.render import texts
from bot.settings import Settings
from bot.teachers import TeacherDesk
from bot.wiring import jobs
from pipeline.documents import offline
from pipeline.evaluate.scripted import ScriptedEvaluator
from pipeline.git import Repository
from pipeline.responses import Responses
from pipeline.store.memory import MemoryStore
from pipeline.teacher.port import ChatRequest, Teacher, TeacherError
from pipeline.teacher.scripted import ScriptedTeacher
from pipeline.train.scripted import ScriptedTrainer

LEAF = "compositional_skills/animals/sleep"
QNA = f"{LEAF}/qna.yaml"
ATTRIBUTION = f"{LEAF}/attribution.txt"
ANIMALS = ("badger", "bison", "camel", "cobra", "crane", "dingo", "eagle", "gecko", "heron", "hyena", "koala", "lemur")
ANIMALS += ("llama", "moose", "otter", "panda", "quail", "raven", "shrew", "sloth", "stork", "tapir", "trout", "zebra")
PLACES = ("burrow", "herd", "desert", "basket", "marsh", "cave", "nest", "wall", "reed", "den", "tree", "canopy")
PLACES += ("fold", "meadow", "holt", "grove", "furrow", "cliff", "log", "branch", "chimney", "bog", "brook", "savanna")
SEEDS = (
    ("Where does a wolf sleep?", "A wolf sleeps in a lair under roots."),
    ("At night, which home has the bee?", "Bees go back to their hive."),
    ("I look for a mole by day. Help me find it?", "Search below the lawn, in its tunnels."),
    ("Do swifts ever land to rest?", "Hardly: they doze on the wing."),
    ("What bed would suit any dormouse in winter?", "Moss inside a hollow stump suits it."),
    ("Name the lodging that beavers build themselves?", "They build a lodge from sticks and mud."),
)


def qna() -> bytes:
    lines = ["version: 3", "created_by: ada", "task_description: Say where an animal sleeps.", "seed_examples:"]
    for question, answer in SEEDS:
        lines += [f'  - question: "{question}"', f'    answer: "{answer}"']
    return ("\n".join(lines) + "\n").encode()


GOOD = {QNA: qna(), ATTRIBUTION: b"Title of work: Sleep\nLicense of the work: CC0-1.0\nCreator names: Ada\n"}


def script(request: ChatRequest) -> str:
    """A question about an animal that the seed chooses; an answer to a question."""
    asked = re.findall(r"would the (\w+) choose", request.messages[-1].content)
    if asked and asked[-1] in ANIMALS:
        return f"The {asked[-1]} takes a {PLACES[ANIMALS.index(asked[-1])]}."
    animal = request.sampling.seed % len(ANIMALS)
    return f"Where would the {ANIMALS[animal]} choose a {PLACES[animal]}?"


class Forge(MemoryForge):
    """Git's commit names are not this forge's, so a commit of `main` is found by its message alone."""

    def pull_of_commit(self, sha: str) -> Pull | None:
        try:
            return super().pull_of_commit(sha)
        except Exception:
            return None


@dataclass
class Bench:
    folder: Path
    open_teacher: Callable[[], Teacher] = field(default=lambda: ScriptedTeacher(script, name="Script"))
    forge: Forge = field(default_factory=lambda: Forge(files={"README.md": b"A taxonomy.\n"}))
    engine: MemoryEngine = field(default_factory=MemoryEngine)
    store: MemoryStore = field(default_factory=MemoryStore)
    trainer: ScriptedTrainer = field(default_factory=ScriptedTrainer)
    opened: int = 0
    settings_changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.repository = Repository(self.folder / "main.git").init()
        settings = Settings(
            repository=self.forge.repository,
            state_dir=self.folder / "state",
            webhook_secrets="x",
            samples=4,
            preview_samples=2,
            public_url="http://bot.example",
            **self.settings_changes,
        )
        self.context = Context(
            settings=settings,
            forge=self.forge,
            enqueuer=self.engine,
            teachers=TeacherDesk(self._open, Responses(":memory:")),
            store=self.store,
            fetch=self._fetch,
            documents=offline,
            embedder=None,
            trainer=self.trainer,
            evaluator=ScriptedEvaluator(),
        )

    def _open(self) -> Teacher:
        self.opened += 1
        return self.open_teacher()

    def _fetch(self, ref: str) -> Repository:
        assert ref == "refs/heads/main", "nothing else is fetched"
        return self.repository

    def job(self, name: str, payload: Mapping[str, Any], id: str) -> Any:
        """Enqueue, run everything that follows, and return how that job ended."""
        queue = {"preview": "preview", "merge": "generate", "nightly": "build"}.get(name, "lint")
        assert self.engine.enqueue(name, dict(payload), id=id, queue=queue)  # type: ignore[arg-type]
        self.drain()
        return self.engine.status(id)

    def drain(self) -> None:
        self.engine.drain(jobs(self.context))

    def merge(self, number: int) -> str:
        """Merge on the forge, and commit the same tree to the real repository."""
        sha = self.forge.merge(number)
        tree = self.forge._commits[sha].tree
        files = {path: self.forge._blobs[blob] for path, blob in tree.items()}
        return self.commit(files, f"Merge pull request #{number} from ada/leaf")

    def commit(self, files: Mapping[str, bytes], subject: str) -> str:
        """Replace the tree of `main` in the real repository."""
        try:
            parent = f"from {self.repository.resolve('refs/heads/main')}\n".encode()
        except Exception:
            parent = b""
        stream = b"commit refs/heads/main\ncommitter Ada <ada@localhost> 1700000000 +0000\n"
        stream += b"data %d\n%b\n" % (len(subject.encode()), subject.encode()) + parent + b"deleteall\n"
        for path, content in sorted(files.items()):
            stream += b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(content), content)
        command = ["git", "--git-dir", str(self.repository.path), "fast-import", "--quiet", "--force"]
        subprocess.run(command, input=stream, check=True, env={"PATH": os.environ["PATH"]})
        return self.repository.resolve("refs/heads/main")

    def sticky(self, number: int) -> str:
        comment = self.forge.find_comment(number, texts.MARKER)
        assert comment is not None
        return comment.body

    def check(self, name: str, number: int, sha: str | None = None) -> Check:
        external = f"{self.forge.repository}#{number}"
        found = self.forge.check_run(name, sha or self.forge.pull(number).head_sha, external)
        assert found is not None
        return found


def no_teacher() -> Teacher:
    raise TeacherError("The model cannot be loaded: the disk is full. Free 2 GB and try again.")
