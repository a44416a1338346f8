"""Generation: nothing twice, the same bytes, every reason kept, no leaf harmed by another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pipeline.documents import Unreachable
from pipeline.flows import flow_for
from pipeline.flows.prompts import PromptError, Prompts
from pipeline.generate import LeafDataset, Origin, generate, heldout, load_dataset
from pipeline.leafdata import faults, licence_of, root_hash
from pipeline.leafkeys import key_parts
from pipeline.pool import Pool
from pipeline.responses import Responses
from pipeline.store.memory import MemoryStore
from pipeline.teacher.port import ChatRequest, Completion, TeacherError
from pipeline.teacher.scripted import ScriptedTeacher
from tests.unit import leaves
from validators import Leaf

ORIGIN = Origin("c" * 40, 7, "wren")
THINGS = (
    "gouge",
    "trowel",
    "sickle",
    "anvil",
    "bellows",
    "crowbar",
    "hatchet",
    "mallet",
    "pestle",
    "ratchet",
    "scythe",
)


def script(request: ChatRequest) -> str:
    """A teacher that knows tools: new questions by the request's seed, and an answer in the seeds' form."""
    last = request.messages[-1].content
    thing = f"{THINGS[request.sampling.seed % 11]} {THINGS[request.sampling.seed // 11 % 11]}"
    if "Write one new question" in last:
        return f"What is a {thing} for?"
    if "What is a " in last:
        name = last.partition("What is a ")[2].removesuffix(" for?")
        return f"A {name} is for {name.replace(' ', 'ing the ')} {' '.join(reversed(name))}."
    if "Write one new text" in last:
        day = THINGS[request.sampling.seed // 121 % 11]
        return f"Bring the {thing} to the shed by {day} day, as the fair begins then."
    if "Write one question" in last:
        return f"By when is the {last.split(' ')[3]} due?"
    if "Write the question" in last:
        return "What does the fact about the Ostrel clock say to visitors?"
    return "It stands."


def teacher(**more: object) -> ScriptedTeacher:
    return ScriptedTeacher(script, **more)  # type: ignore[arg-type]


@contextmanager
def opened(by: ScriptedTeacher | None = None, responses: Responses | None = None) -> Iterator[Pool]:
    pool = Pool(by or teacher(), responses or Responses(":memory:"))
    try:
        yield pool
    finally:
        pool.close()


def run(
    *items: Leaf,
    by: ScriptedTeacher | None = None,
    responses: Responses | None = None,
    store: MemoryStore | None = None,
    target: int = 6,
    origin: Origin = ORIGIN,
    prompts: Prompts | None = None,
) -> list[LeafDataset]:
    with opened(by, responses) as pool:
        return generate(
            [(leaf, origin) for leaf in items],
            pool=pool,
            store=MemoryStore() if store is None else store,
            target=target,
            prompts=prompts or Prompts(),
        )


def contents(store: MemoryStore) -> dict[str, bytes]:
    return {key: store.read(key) for key in sorted(store.keys())}


def test_a_leaf_gets_its_samples_with_their_provenance() -> None:
    store = MemoryStore()
    [dataset] = run(leaves.freeform(), store=store)
    assert len(dataset.samples) == 6
    assert dataset.notes == ()
    assert dataset.requests >= 12
    for sample in dataset.samples:
        assert (sample.commit, sample.pull, sample.author) == ("c" * 40, 7, "wren")
        assert (sample.licence, sample.document, sample.span) == ("CC0-1.0", None, None)
        assert sample.flow.startswith("freeform-plain@")
        assert [stage for stage, _ in sample.trace] == ["question", "answer"]
        assert set(sample.seeds) <= {0, 1, 2, 3, 4} - heldout(leaves.freeform())
        assert sample.scores
        assert sample.reason is None
    assert all(sample.reason for sample in dataset.rejected)
    stored = load_dataset(store, dataset.leaf_key)
    assert stored == dataset
    assert (stored.requests, stored.seconds) == (0, 0.0)
    assert faults(store, dataset.leaf_key) == []


def test_a_stored_dataset_costs_no_request() -> None:
    store, by = MemoryStore(), teacher()
    first = run(leaves.freeform(), store=store, by=by)
    asked = by.requests
    before = contents(store)
    second = run(leaves.freeform(), store=store, by=by)
    assert by.requests == asked
    assert [d.requests for d in second] == [0]
    assert second[0].samples == first[0].samples
    assert contents(store) == before


def test_one_changed_leaf_of_many_is_the_only_work() -> None:
    items = [leaves.freeform(f"compositional_skills/crafts/n{n}") for n in range(5)]
    store, responses = MemoryStore(), Responses(":memory:")
    run(*items, store=store, responses=responses)
    by = teacher()
    changed = replace(items[2], task_description="Say in one sentence what a tool is for")
    datasets = run(*items[:2], changed, *items[3:], store=store, responses=responses, by=by)
    assert [d.requests > 0 for d in datasets] == [False, False, True, False, False]
    assert 0 < datasets[2].requests <= by.requests


def test_a_preview_shares_its_answers_with_the_full_run() -> None:
    responses, by = Responses(":memory:"), teacher()
    [preview] = run(leaves.freeform(), responses=responses, target=3, by=by)
    [full] = run(leaves.freeform(), responses=responses, target=12, by=by)
    assert {s.messages for s in preview.samples} <= {s.messages for s in full.samples}
    assert preview.leaf_key != full.leaf_key
    [alone] = run(leaves.freeform(), target=12)
    assert alone.samples == full.samples
    assert full.requests < alone.requests


def shuffled(request: ChatRequest) -> int:
    """Turns that an answer takes: as if long and short ones were in flight together."""
    return request.sampling.seed % 17


def test_the_same_bytes_with_one_and_with_64_in_flight_in_any_order() -> None:
    items = [leaves.freeform(), leaves.grounded(), leaves.knowledge()]
    stores = [MemoryStore(), MemoryStore(), MemoryStore()]
    one = run(*items, store=stores[0], by=teacher(concurrency=1))
    many = run(*reversed(items), store=stores[1], by=teacher(concurrency=64, delay=shuffled))
    for leaf in items:
        run(leaf, store=stores[2], by=teacher(concurrency=7, delay=lambda request: -request.sampling.seed % 5))
    assert contents(stores[0]) == contents(stores[1]) == contents(stores[2])
    assert root_hash(one) == root_hash(many)


class Dying(ScriptedTeacher):
    """Stops serving after some completions, as a killed engine does."""

    def __init__(self, after: int) -> None:
        def until(request: ChatRequest) -> str:
            if self.requests > after:
                raise TeacherError("the engine is gone")
            return script(request)

        super().__init__(until, concurrency=4, delay=shuffled)


@pytest.mark.parametrize("after", range(0, 45, 3))
def test_after_a_stop_at_any_point_the_bytes_are_the_same(after: int) -> None:
    whole, resumed, responses = MemoryStore(), MemoryStore(), Responses(":memory:")
    items = [leaves.freeform(), leaves.grounded()]
    run(*items, store=whole, by=teacher())
    with pytest.raises(TeacherError):
        run(*items, store=resumed, responses=responses, by=Dying(after))
    assert responses.count() <= after
    by = teacher(delay=shuffled)
    run(*items, store=resumed, responses=responses, by=by)
    assert contents(resumed) == contents(whole)


def test_no_held_out_text_in_any_prompt_or_sample() -> None:
    seen: list[str] = []

    def spy(request: ChatRequest) -> str:
        seen.extend(message.content for message in request.messages)
        return script(request)

    items = [leaves.freeform(), leaves.grounded(), leaves.knowledge()]
    datasets = run(*items, by=ScriptedTeacher(spy))
    kept = [message.content for d in datasets for sample in d.samples for message in sample.messages]
    for leaf in items:
        for seed in leaf.seeds:
            if seed.index in heldout(leaf):
                secrets = [text for pair in seed.pairs for text in (pair.question, pair.answer)] + [seed.context]
                assert not [s for s in secrets if s and any(s in text for text in (*seen, *kept))]


def test_a_teacher_that_recites_the_held_out_seed_is_stopped() -> None:
    leaf = leaves.freeform()
    secret = next(seed for seed in leaf.seeds if seed.index in heldout(leaf)).pairs[0].question
    [dataset] = run(leaf, by=ScriptedTeacher(lambda request: secret))
    assert dataset.samples == ()
    assert {sample.reason for sample in dataset.rejected} == {"it is too close to a held-out seed example"}
    assert dataset.report.reasons == {"it is too close to a held-out seed example": len(dataset.rejected)}


def test_one_failing_leaf_harms_no_other() -> None:
    def half(request: ChatRequest) -> str:
        return "" if "deadline" in request.messages[1].content.lower() else script(request)

    good, bad = run(leaves.freeform(), leaves.grounded(), by=ScriptedTeacher(half))
    assert len(good.samples) == 6
    assert bad.samples == ()
    assert "stopped at 0 of 6" in bad.notes[0]
    assert {sample.reason for sample in bad.rejected} == {"context: the teacher wrote nothing"}


def test_a_failed_request_costs_one_draft() -> None:
    store = MemoryStore()
    failed: list[ChatRequest] = []

    def once(request: ChatRequest) -> str | Completion:
        if not failed and "Write one new question" in request.messages[-1].content:
            failed.append(request)
        return Completion("", "error", error="the script fails this request") if request in failed else script(request)

    [dataset] = run(leaves.freeform(), by=ScriptedTeacher(once), store=store)
    assert len(dataset.samples) == 6
    assert [s.reason for s in dataset.rejected if "failed" in (s.reason or "")] == [
        "question: the teacher failed: the script fails this request"
    ]
    assert "the teacher failed on 1 requests; they are tried again with the next run" in dataset.notes
    by = teacher()
    [again] = run(leaves.freeform(), store=store, by=by)
    assert again.report.failures == 0
    assert by.requests > 0
    assert run(leaves.freeform(), store=store, by=by)[0].requests == 0


def test_where_every_request_fails_nothing_is_taken_for_done() -> None:
    store = MemoryStore()
    by = ScriptedTeacher({})
    [dataset] = run(leaves.freeform(), by=by, store=store)
    assert dataset.samples == ()
    assert contents(store) == {}


def test_a_leaf_that_fits_no_context_says_so_once_and_for_all() -> None:
    store = MemoryStore()
    [dataset] = run(leaves.freeform(), by=teacher(context_tokens=1), store=store)
    assert dataset.samples == ()
    assert all("it can never be asked" in str(sample.reason) for sample in dataset.rejected)
    [again] = run(leaves.freeform(), by=teacher(context_tokens=1), store=store)
    assert (again.requests, again) == (0, dataset)


def test_a_prompt_of_the_taxonomy_takes_the_place_of_ours() -> None:
    source = Prompts().get("plain/freeform_question")
    own = "== system ==\nInvent.\n== example user ==\nOne.\n== example assistant ==\n{{ question }}\n== user ==\nOne."
    seen: list[str] = []

    def spy(request: ChatRequest) -> str:
        seen.append(request.messages[0].content)
        return script(request)

    prompts = Prompts({"plain/freeform_question": own})
    run(leaves.freeform(), by=ScriptedTeacher(spy), prompts=prompts)
    assert "Invent." in seen
    assert prompts.get("plain/freeform_question").digest != source.digest
    assert flow_for(leaves.freeform(), "plain").id(prompts) != flow_for(leaves.freeform(), "plain").id()


def test_a_prompt_that_cannot_be_filled_in_costs_its_leaves_alone() -> None:
    broken = Prompts({"plain/grounded_context": "== system ==\n{{ colour }}\n== user ==\nGo."})
    store = MemoryStore()
    good, bad = run(leaves.freeform(), leaves.grounded(), prompts=broken, store=store)
    assert "plain/grounded_context: cannot be filled in: 'colour' is undefined" in bad.notes[0]
    assert len(good.samples) == 6
    assert load_dataset(store, bad.leaf_key) is None
    with pytest.raises(PromptError, match="there is no such prompt"):
        Prompts({"plain/none": "== system ==\n\n== user ==\n"})
    with pytest.raises(PromptError, match="lacks the heading `== user ==`"):
        Prompts({"plain/freeform_answer": "== system ==\nHello"})


def test_a_leaf_with_one_seed_says_what_it_needs() -> None:
    leaf = replace(leaves.freeform(), seeds=leaves.freeform().seeds[:1])
    by = teacher()
    [dataset] = run(leaf, by=by)
    assert dataset.notes == ("needs at least two seed examples: one is held out for evaluation",)
    assert (dataset.samples, by.requests) == ((), 0)


def test_an_unreachable_document_is_said_in_notes_and_samples() -> None:
    leaf = leaves.knowledge()
    with opened() as pool:
        datasets = generate(
            [(leaf, ORIGIN)],
            pool=pool,
            store=MemoryStore(),
            target=2,
            documents=lambda document: Unreachable("the host is asleep"),
        )
    note = "document unreachable: the host is asleep; generated from the seed contexts alone"
    assert datasets[0].notes[0] == note
    assert {sample.document_note for sample in datasets[0].rejected + datasets[0].samples} == {note}
    assert all(sample.span for sample in datasets[0].rejected)


def test_a_leaf_that_returns_by_another_pull_request_gets_its_new_origin() -> None:
    store, by = MemoryStore(), teacher()
    run(leaves.freeform(), store=store, by=by)
    asked = by.requests
    [moved] = run(leaves.freeform(), store=store, by=by, origin=Origin("d" * 40, 9, "rook"))
    assert by.requests == asked
    assert {(s.commit, s.pull, s.author) for s in moved.samples} == {("d" * 40, 9, "rook")}
    assert load_dataset(store, moved.leaf_key) == moved


def test_half_a_dataset_is_none() -> None:
    store = MemoryStore()
    [dataset] = run(leaves.freeform(), store=store)
    folder = f"leaves/{dataset.leaf_key}"
    manifest = json.loads(store.read(f"{folder}/manifest.json"))
    assert (manifest["leaf"], manifest["kept"]) == (dataset.leaf, 6)
    store.write(f"{folder}/samples.jsonl", store.read(f"{folder}/samples.jsonl")[:-5])
    assert load_dataset(store, dataset.leaf_key) is None
    store.delete(f"{folder}/manifest.json")
    assert load_dataset(store, dataset.leaf_key) is None


def test_the_leaf_key_follows_what_matters() -> None:
    leaf = leaves.knowledge()
    asleep = Unreachable("a")

    def of(leaf: Leaf, document: Unreachable | None = asleep, **changes: object) -> str:
        given = {"flow": "f", "teacher": "t", "target": 5} | changes
        return key_parts(leaf, document, **given).key  # type: ignore[arg-type]

    key = of(leaf)
    assert key == of(leaf, Unreachable("another reason"))
    moved = tuple(replace(seed, span=replace(seed.span, line=99)) for seed in leaf.seeds)
    assert key == of(replace(leaf, seeds=moved))
    others = {
        of(leaf, None),
        of(leaf, flow="g"),
        of(leaf, teacher="u"),
        of(leaf, target=6),
        of(leaf, embedder="e"),
        of(replace(leaf, attribution="License of the work: MIT")),
        of(replace(leaf, path="knowledge/y")),
    }
    assert len(others | {key}) == 8


@pytest.mark.parametrize(("count", "held"), [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (8, 2)])
def test_heldout_takes_a_quarter(count: int, held: int) -> None:
    leaf = leaves.freeform(count=count)
    assert len(heldout(leaf)) == held
    turned = tuple(replace(seed, index=at) for at, seed in enumerate(reversed(leaf.seeds)))
    questions = {seed.pairs[0].question for seed in leaf.seeds if seed.index in heldout(leaf)}
    assert questions == {s.pairs[0].question for s in turned if s.index in heldout(replace(leaf, seeds=turned))}


def test_equal_seeds_share_one_fate() -> None:
    leaf = leaves.freeform()
    twins = replace(leaf, seeds=(*leaf.seeds, *(replace(s, index=s.index + 5) for s in leaf.seeds)))
    held = heldout(twins)
    assert {index % 5 for index in held if index < 5} == {index % 5 for index in held if index >= 5}
    assert 3 <= len(held) < 10


def test_licence_of() -> None:
    assert licence_of(leaves.freeform()) == "CC0-1.0"
    assert licence_of(replace(leaves.freeform(), attribution="")) == "not stated"
    two = "License of the work: MIT\n\nlicence: CC-BY-4.0\nLicense of the work: MIT\n"
    assert licence_of(replace(leaves.freeform(), attribution=two)) == "MIT, CC-BY-4.0"


def test_progress_ends_at_one_and_never_goes_back() -> None:
    seen: list[tuple[str, float]] = []
    with opened(teacher(concurrency=4, delay=lambda request: 4000)) as pool:
        generate(
            [(leaves.freeform(), ORIGIN)],
            pool=pool,
            store=MemoryStore(),
            target=6,
            progress=lambda message, fraction: seen.append((message, fraction)),
        )
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert seen[-1] == ("samples are made", 1.0)
    assert all(message.startswith("generating: ") for message, _ in seen[:-1])
