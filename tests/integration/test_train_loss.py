"""The loss and its gradients, on a model of a few thousand weights: layouts, micro batches, distance to the base."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.causal import IGNORED, Encoded
from pipeline.recipe import Recipe
from pipeline.train.layout import Layout, cheaper, layout_for, opening, parts
from pipeline.train.rows import EMPTY, TrainRow
from tests.building import QUIET
from tests.tiny_model import save_tiny_model

pytestmark = pytest.mark.model
LAYOUTS: tuple[Layout, ...] = ("shared", "packed", "padded")
WIDE = 4096  # so wide that attention costs nothing: rows share a line
RECIPE = replace(QUIET, batch=6, micro_batch=6, epochs=1, max_tokens=64)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


def rows(count: int = 7) -> list[TrainRow]:
    """Rows that open alike, of different lengths; every third is an anchor."""
    made = []
    for i in range(count):
        prompt, answer = (3, 5, 8, 13, *[20 + i] * (2 + i)), tuple(40 + (3 * i + j) % 50 for j in range(2 + 2 * i))
        labels = (IGNORED,) * len(prompt) + answer
        made.append(TrainRow(Encoded(prompt + answer, labels), "a", "anchor" if i % 3 == 0 else "skill"))
    return made


def tuned(folder: Path, recipe: Recipe = RECIPE) -> Any:
    """A model whose adapter does something already."""
    import torch

    from pipeline.train import lora

    torch.manual_seed(1)
    model = lora.prepare(folder, recipe)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_B" in name:
                one.normal_(0, 0.2)
    return model


def gradients(model: Any) -> dict[str, Any]:
    return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


def apart(one: dict[str, Any], other: dict[str, Any]) -> float:
    assert one.keys() == other.keys()
    assert one
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def steps_of(
    tiny: Path, out: Path, recipe: Recipe, order: list[int], layout: Layout, cap: int | None = None
) -> list[dict[str, Any]]:
    """The gradients of each optimizer step, weights left as they are."""
    from transformers import TrainerCallback

    from pipeline import causal
    from pipeline.train.trl_trainer import Collator, make_trainer

    class Keep(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **kw: Any) -> None:
            kept.append(gradients(model))
            model.zero_grad()

    kept: list[dict[str, Any]] = []
    collator = Collator(rows(), layout, 0, WIDE, cap, recipe.kl_weight > 0)
    model, tokenizer = tuned(tiny, recipe), causal.load_tokenizer(tiny)
    trainer = make_trainer(model, recipe, recipe.micro_batch, 1, out, tokenizer, collator, order)
    trainer.args.max_grad_norm = 0.0
    trainer.add_callback(Keep())
    trainer.train()
    return kept


def test_all_layouts_give_the_same_loss_and_gradients(tiny: Path) -> None:
    from pipeline.train.layout import lay_out
    from pipeline.train.loss import step_loss

    model, found = tuned(tiny), []
    for layout in LAYOUTS:
        model.zero_grad()
        loss = step_loss(model, lay_out([row.encoded for row in rows()], layout, 0), None, None, 0.0)
        loss.backward()
        found.append((loss.item() / sum(row.learnt for row in rows()), gradients(model)))
    alone = sum(step_loss(model, lay_out([row.encoded], "padded", 0), None, None, 0.0).item() for row in rows()) / sum(
        row.learnt for row in rows()
    )
    for nats, grads in found:
        assert nats == pytest.approx(alone, abs=1e-5)
        assert apart(grads, found[0][1]) < 1e-4


def test_the_loss_is_what_the_model_itself_says(tiny: Path) -> None:
    import torch

    from pipeline.train.layout import lay_out
    from pipeline.train.loss import step_loss

    model = tuned(tiny)
    for row in rows():
        ids, labels = torch.tensor([row.encoded.tokens]), torch.tensor([row.encoded.labels])
        wanted = model(input_ids=ids, labels=labels).loss.item() * row.learnt
        ours = step_loss(model, lay_out([row.encoded], "shared", 0), None, None, 0.0).item()
        assert ours == pytest.approx(wanted, rel=1e-5)


def test_the_opening_ends_before_anything_that_a_label_depends_on() -> None:
    assert opening([row.encoded for row in rows()]) == 4
    assert opening([rows()[0].encoded]) == 5  # of 6 tokens before the first label, the last predicts it
    assert opening([Encoded((1, 2, 3), (IGNORED, 2, 3)), Encoded((1, 2, 4), (IGNORED, 2, 4))]) == 0


@pytest.mark.parametrize("kl_weight", [0.0, 0.5])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_micro_batches_and_a_short_last_step_change_no_gradient(
    tiny: Path, tmp_path: Path, layout: Layout, kl_weight: float
) -> None:
    order = [0, 1, 2, 3, 4, 5, 6, 2, 1]  # six rows, then three
    whole = replace(RECIPE, kl_weight=kl_weight)
    one = steps_of(tiny, tmp_path / "one", whole, order, layout)
    many = steps_of(tiny, tmp_path / "many", replace(whole, micro_batch=2), order, layout)
    parted = steps_of(tiny, tmp_path / "parted", whole, order, layout, cap=40)
    assert len(one) == len(many) == len(parted) == 2
    for first, second, third in zip(one, many, parted, strict=True):
        assert apart(first, second) < 1e-5
        assert apart(first, third) < 1e-5
        assert max(float(grad.abs().max()) for grad in first.values()) > 1e-3


def test_rows_that_only_fill_up_change_nothing(tiny: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, micro_batch=2)
    [plain] = steps_of(tiny, tmp_path / "plain", recipe, [0, 1, 2], "shared")
    [filled] = steps_of(tiny, tmp_path / "filled", recipe, [0, 1, 2, EMPTY, EMPTY, EMPTY], "shared")
    assert apart(plain, filled) < 1e-6


def test_the_distance_to_the_base_is_that_of_the_two_distributions_on_anchors_alone(tiny: Path) -> None:
    import torch

    from pipeline.train.layout import lay_out
    from pipeline.train.loss import as_base, step_loss
    from pipeline.train.trl_trainer import Collator

    model = tuned(tiny)
    entries = [{"row": i} for i in range(7)]
    [made] = Collator(rows(), "shared", 0, WIDE, anchors=True)(entries)["parts"]
    anchors, of_anchors = made.pop("anchors"), made.pop("of_anchors")
    learnt = sum(
        step_loss(model, lay_out([row.encoded], "padded", 0), None, None, 0.0).item()
        for row in rows()
        if row.kind != "anchor"
    )
    with_kl = step_loss(model, made, anchors, of_anchors, 2.0).item()
    wanted = 0.0
    for row in rows():
        if row.kind != "anchor":
            continue
        ids = torch.tensor([row.encoded.tokens])
        with torch.no_grad():
            student = torch.log_softmax(model(input_ids=ids).logits[0], dim=-1)
            with as_base(model):
                base = torch.log_softmax(model(input_ids=ids).logits[0], dim=-1)
        at = [i - 1 for i, label in enumerate(row.encoded.labels) if label != IGNORED]
        wanted += float((base.exp() * (base - student))[at].sum())
    assert wanted > 0.1
    assert with_kl - learnt == pytest.approx(2.0 * wanted, rel=1e-3)


def test_a_model_that_does_not_keep_to_a_mask_gets_padding(tiny: Path) -> None:
    import torch

    from pipeline.train.loss import agreed_layout

    class Leaky(torch.nn.Module):  # type: ignore[misc]  # torch is not typed
        """Ignores positions and masks, as a recurrent layer would."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = tuned(tiny)
            self.device = self.inner.device

        def get_output_embeddings(self) -> Any:
            return self.inner.get_output_embeddings()

        def forward(self, input_ids: Any, use_cache: bool, **_: Any) -> Any:
            return self.inner(input_ids=input_ids, attention_mask=torch.ones_like(input_ids), use_cache=use_cache)

    encoded = [row.encoded for row in rows()]
    assert agreed_layout(Leaky(), encoded, "packed", 0) == "padded"
    assert agreed_layout(Leaky(), encoded, "shared", 0) == "padded"
    assert agreed_layout(tuned(tiny), encoded, "shared", 0) == "shared"
    assert agreed_layout(tuned(tiny), encoded, "packed", 0) == "packed"


def test_long_rows_with_little_in_common_are_padded() -> None:
    long = [Encoded(tuple(range(i, i + 500)), (IGNORED, *range(i + 1, i + 500))) for i in range(4)]
    assert cheaper(long, 64) == "padded"
    assert cheaper([row.encoded for row in rows()], WIDE) == "shared"
    assert cheaper(long[:1], 64) == "padded"  # the same tokens, and half of the comparisons


def test_parts_hold_all_rows_within_the_cap_and_no_part_is_worth_splitting() -> None:
    encoded = [row.encoded for row in rows()]
    for layout in LAYOUTS:
        assert parts(encoded, layout, WIDE, 10_000) == [slice(0, 7)]
        small = parts(encoded, layout, WIDE, 40)
        assert [i for part in small for i in range(part.start, part.stop)] == list(range(7))
        assert len(small) > 1
        for part in small:
            chosen = encoded[part]
            assert len(chosen) == 1 or len(chosen) * max(len(row.tokens) for row in chosen) <= 40
    long = [Encoded(tuple(range(i, i + 500)), (IGNORED, *range(i + 1, i + 500))) for i in range(4)]
    assert len(parts(long, "packed", 64, 10_000)) == 4


def test_the_layout_that_is_tried_first() -> None:
    assert layout_for(RECIPE) == "shared"
    assert layout_for(replace(RECIPE, packing=True)) == "packed"
    assert layout_for(replace(RECIPE, processes=2, micro_batch=3, shard=True)) == "padded"
