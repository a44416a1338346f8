"""What a command needs to make samples without a bot: stores, documents, embedder, teacher."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from bot.settings import Making
from bot.stores import store_of
from pipeline.documents import FetchDocument, Reach, fetch, offline
from pipeline.plan import TeacherFacts, measured_speed
from pipeline.pool import Pool
from pipeline.quality.embedding import Embedder, packaged_embedder
from pipeline.responses import Responses
from pipeline.store.port import Store
from pipeline.teacher.choose import Remote, open_teacher
from pipeline.teacher.port import Teacher


@dataclass(frozen=True, slots=True)
class Tools:
    """Opened for one command. `pool` loads the teacher when something is asked; `facts` only where it must."""

    settings: Making
    store: Store
    responses: Responses
    documents: FetchDocument
    embedder: Embedder | None
    teacher: Teacher

    @contextmanager
    def pool(self) -> Iterator[Pool]:
        """A pool for the block."""
        pool = Pool(self.teacher, self.responses)
        try:
            yield pool
        finally:
            pool.close()

    def facts(self) -> TeacherFacts:
        """What a plan needs of the teacher: remembered from its last start, else it is started once."""
        teacher = self.teacher
        speed = measured_speed(self.store, teacher.fingerprint)
        return TeacherFacts(teacher.fingerprint, teacher.form, teacher.tokenizer, speed)


@contextmanager
def opened(settings: Making, *, documents: bool = True) -> Iterator[Tools]:
    """The tools for the block; all are closed after it. Raises `TeacherError`, `ModelError` and `StoreError`."""
    state = settings.state_dir
    responses = Responses(state / "responses.sqlite")
    teacher = teacher_of(settings)
    try:
        yield Tools(
            settings,
            store_of(settings),
            responses,
            fetcher(settings) if documents else offline,
            packaged_embedder(),
            teacher,
        )
    finally:
        teacher.close()
        responses.close()


def fetcher(settings: Making) -> FetchDocument:
    """Reads the document that a knowledge leaf names, from the hosts that the settings allow."""
    reach = Reach(frozenset(settings.document_hosts), loopback=settings.document_loopback)
    return partial(fetch, cache=settings.state_dir / "documents", reach=reach)


def teacher_of(settings: Making) -> Teacher:
    """The teacher of the settings; it loads when it is first needed. Raises `TeacherError` and `ModelError`."""
    return open_teacher(
        settings.teacher_model,
        settings.teacher_engine,
        form=settings.teacher_form,
        context_tokens=settings.teacher_context or None,
        remote=Remote(
            settings.teacher_url,
            settings.teacher_key.get_secret_value(),
            settings.teacher_revision,
            settings.teacher_in_flight,
        ),
    )
