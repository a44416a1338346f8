"""`main` moved: every leaf of its head gets its dataset, and the merged pull requests hear of it."""

from __future__ import annotations

from bot import datasets, pulls
from bot.context import Context
from bot.datasets import Record
from bot.engine.port import JSON, Steps
from bot.jobs.watch import Watch
from bot.pulls import MergePart
from bot.render.reason import reason
from pipeline.taxonomy import read_leaves


def run(context: Context, steps: Steps, payload: JSON) -> JSON:
    """The payload is a hint: the job looks at the head of `main` itself, so no merge is lost."""
    try:
        done = steps.run("generate", lambda: ensure(context, steps))
    except Exception as error:
        _tell_failure(context, error)
        raise
    told = steps.run("tell", lambda: tell(context))
    return done | {"told": told}


def ensure(context: Context, steps: Steps) -> dict[str, object]:
    """Make what is missing."""
    main = datasets.look(context)
    record = main.record or datasets.grow(context, main, Watch(steps, context.settings.state_dir))
    return {"commit": main.commit, "leaves": len(record.leaves), "kept": sum(leaf.kept for leaf in record.leaves)}


def tell(context: Context) -> list[int]:
    """Bring the comments of the merged pull requests up to date; those that say so already cost nothing.

    Pull requests that were merged before this bot came are left in peace.
    """
    record = datasets.look(context).record
    known = [number for number in record.pulls if pulls.known(context.store, number)] if record else []
    return [number for number in known if record and _tell_one(context, record, number)]


def _tell_one(context: Context, record: Record, number: int) -> bool:
    part = MergePart(teacher=record.teacher, leaves=record.made(number))
    said = pulls.load(context.store, number).merge
    if said is not None and said.leaves == part.leaves and not said.failed:
        return False
    context.publish(number, part)
    return True


def _tell_failure(context: Context, error: Exception) -> None:
    """The pull requests whose leaves wait hear why. A failure to tell must not hide the first one."""
    try:
        why = reason(error)
        for number in _waiting(context):
            context.publish(number, MergePart(failed=why))
    except Exception as second:
        error.add_note(f"and the pull requests could not be told: {second}")


def _waiting(context: Context) -> list[int]:
    """Merged pull requests that we spoke to, that brought leaves, and that never heard of samples."""
    main = datasets.look(context)
    leaves = read_leaves(main.repository, main.commit).leaves
    numbers = {datasets.origin_for(context, main, leaf).pull for leaf in leaves} - {None}
    return sorted(number for number in numbers if number is not None and _unheard(context, number))


def _unheard(context: Context, number: int) -> bool:
    return pulls.known(context.store, number) and pulls.load(context.store, number).merge is None
