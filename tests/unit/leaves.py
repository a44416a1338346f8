"""Invented leaves as values, for tests of the pipeline."""

from __future__ import annotations

from pipeline.flows import Material
from pipeline.leafdata import heldout
from validators import QA, DocumentRef, Leaf, Seed, Span

COMMIT = "ab" * 20
ATTRIBUTION = "Title of work: Own words\nLicense of the work: CC0-1.0\nCreator names: Wren\n"


def _leaf(path: str, kind: str, task: str, seeds: tuple[Seed, ...], document: DocumentRef | None = None) -> Leaf:
    return Leaf(
        path=path,
        kind=kind,  # type: ignore[arg-type]
        version=3,
        created_by="wren",
        task_description=task,
        domain="technology" if document else "",
        document_outline="An invented clock" if document else "",
        document=document,
        seeds=seeds,
        attribution=ATTRIBUTION,
    )


def freeform(path: str = "compositional_skills/crafts/tools", count: int = 5) -> Leaf:
    """One pair a seed: what a tool is for."""
    uses = [
        ("rasp", "shaping rough wood"),
        ("awl", "piercing leather"),
        ("spokeshave", "rounding chair legs"),
        ("bradawl", "starting small screws"),
        ("drawknife", "peeling bark"),
        ("adze", "hollowing bowls"),
        ("froe", "splitting shingles"),
        ("burnisher", "polishing metal"),
    ]
    seeds = tuple(
        Seed(at, "", (QA(f"What is a {tool} for?", f"A {tool} is for {use}."),), Span())
        for at, (tool, use) in enumerate(uses[:count])
    )
    return _leaf(path, "freeform", "Say what a tool is for", seeds)


def grounded(path: str = "compositional_skills/grounded/deadlines") -> Leaf:
    """One context and one pair a seed."""
    notes = [
        ("Send the budget sheet by Thursday noon so that it can be closed.", "budget sheet", "Thursday noon"),
        ("Bring the signed form to the office before the mill trip on Friday.", "signed form", "Friday"),
        ("Call the plumber back by Tuesday evening, or the slot is gone.", "plumber's call", "Tuesday evening"),
        ("Return the borrowed maps by Monday to avoid a fee of two coins.", "borrowed maps", "Monday"),
        ("Hand in the garden plan by Sunday, when the jury meets in town.", "garden plan", "Sunday"),
    ]
    seeds = tuple(
        Seed(at, text, (QA(f"By when is the {thing} due?", f"The {thing} is due by {day}."),), Span())
        for at, (text, thing, day) in enumerate(notes)
    )
    return _leaf(path, "grounded", "Find the deadline", seeds)


FACTS = (
    (
        "The Ostrel clock stands in the market hall of Velden.",
        "Where does the Ostrel clock stand",
        "in the market hall",
    ),
    (
        "A cork float pushes the toothed rod of the Ostrel clock.",
        "What pushes the rod of the Ostrel clock",
        "a cork float",
    ),
    (
        "Twelve fish are painted on the dial of the Ostrel clock.",
        "What adorns the dial of the Ostrel clock",
        "twelve fish",
    ),
    ("An oil lamp keeps the Ostrel clock from freezing.", "What warms the Ostrel clock", "an oil lamp"),
    ("The keeper of the Ostrel clock is paid in eels.", "How is the keeper of the Ostrel clock paid", "in eels"),
)


def knowledge(path: str = "knowledge/technology/ostrel_clock") -> Leaf:
    """A context of two sentences and one pair a seed; its document lies nowhere."""
    seeds = tuple(
        Seed(
            at,
            f"{fact} Guide number {at} tells this to the visitors.",
            (QA(f"{question}?", f"It is {answer}."),),
            Span(),
        )
        for at, (fact, question, answer) in enumerate(FACTS)
    )
    return _leaf(path, "knowledge", "", seeds, DocumentRef("https://github.com/invented/clock", COMMIT, ("*.md",)))


def material(leaf: Leaf) -> Material:
    """The leaf with its held-out seeds set apart, as `generate` does."""
    held = heldout(leaf)
    return Material(
        leaf,
        tuple(seed for seed in leaf.seeds if seed.index not in held),
        tuple(seed for seed in leaf.seeds if seed.index in held),
    )
