"""Augmentation as a module: keys, modes, copies, and other people's compilers and wrappers."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import distributed, nn
from torch._dynamo.testing import CompileCounterWithBackend

from augpipe import AugmentBatch, Pipeline, build_loader
from augpipe.augment.graph import augment as one_op
from augpipe.errors import PlanError, RecipeError
from augpipe.execute.torch import batch as torch_batch
from augpipe.ops import find_op
from cases import CASES, CPU_ONLY, Case, single, tolerance
from executors import distance
from pictures import noise, photo

SIZE = (40, 56)
ROWS = 6
KEY = {"epoch": 3, "index": torch.arange(ROWS) + 40}
EXACT = ["horizontal_flip", {"center_crop": {"size": [32, 32]}}, "random_erasing"]
CHAIN = ["horizontal_flip", {"affine": {"degrees": 15}}, {"color_jitter": {"contrast": 0.3}}]


def pictures(rows: int = ROWS, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.stack([np.roll((photo, noise)[n % 2](*size), 5 * n, axis=1) for n in range(rows)])


def as_batch(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def batch(rows: int = ROWS) -> torch.Tensor:
    return as_batch(pictures(rows))


def one_by_one(pipeline: Pipeline, images: np.ndarray, seed: int = 0) -> np.ndarray:
    """What the workers make of the same samples."""
    done = [pipeline(one, seed=seed, epoch=3, index=40 + n) for n, one in enumerate(images)]
    return np.stack([sample.image for sample in done])


def as_images(done: torch.Tensor) -> np.ndarray:
    return done.permute(0, 2, 3, 1).numpy()


# A batch has one picture for each sample.
MANY_VIEWS = ["five_crop", "ten_crop", "views"]

POLICIES = ["rand_augment", "trivial_augment_wide", "auto_augment", "three_augment", "aug_mix"]


@pytest.mark.parametrize("kind", Case._fields)
@pytest.mark.parametrize("name", [name for name in CASES if name not in {*CPU_ONLY, *MANY_VIEWS}])
def test_the_plan_is_that_of_the_workers(name, kind):
    op = find_op(name)(**getattr(CASES[name], kind))
    plan = Pipeline([op]).plan(SIZE, seed=7, epoch=3, index=KEY["index"].numpy())
    expected = torch_batch.run(plan, batch())
    assert torch.equal(AugmentBatch([op], seed=7)(batch(), **KEY), expected)


@pytest.mark.parametrize("kind", Case._fields)
@pytest.mark.parametrize("name", POLICIES)
def test_policies_on_a_batch_look_as_in_the_workers(name, kind):
    """With the samples for which the table of tolerances is made."""
    pipeline = single(name, getattr(CASES[name], kind))
    image, rows = photo(), torch.arange(16)
    done = AugmentBatch(pipeline, seed=3)(as_batch(np.stack([image] * 16)), epoch=0, index=rows)
    expected = [pipeline(image, seed=3, index=row).image for row in rows.tolist()]
    apart, limit = distance(as_images(done), np.stack(expected)), tolerance(name, kind)
    assert apart.max() <= limit.largest
    assert apart.mean() <= limit.mean


def test_exact_ops_are_exact():
    done = AugmentBatch(EXACT, seed=1)(batch(), **KEY)
    assert np.array_equal(as_images(done), one_by_one(Pipeline(EXACT), pictures(), seed=1))


def test_all_ops_of_a_recipe_act_under_their_slots():
    pipeline = Pipeline(["horizontal_flip"], batch=["horizontal_flip", "normalize"])
    whole = AugmentBatch(pipeline)(batch(), **KEY)
    assert distance(as_images(whole), one_by_one(pipeline, pictures())).max() < 1e-5
    first = AugmentBatch(["horizontal_flip"])(batch(), **KEY)
    assert torch.equal(AugmentBatch(pipeline.batch)(first, **KEY), whole)
    assert AugmentBatch("light")(batch(), **KEY).shape == (ROWS, 3, 224, 224)


def test_a_batch_of_a_loader_looks_as_its_workers_would_make_it():
    data = pictures(), np.arange(ROWS)
    options = {"seed": 5, "num_workers": 0, "epoch": 2, "sampling": {"repeats": 2}}
    (raw,) = build_loader(data, None, **options)
    (made,) = build_loader(data, EXACT, **options)
    key = {"epoch": raw.epoch, "index": raw.index, "repeat": raw.repeat}
    assert torch.equal(AugmentBatch(EXACT, seed=5)(raw.images, **key), made.images)
    assert raw.repeat.any()


def test_a_sample_does_not_depend_on_its_batch():
    augment = AugmentBatch(CHAIN)
    whole = augment(batch(), **KEY)
    rows = [4, 1, 2]
    assert torch.equal(augment(batch()[rows], epoch=3, index=KEY["index"][rows]), whole[rows])
    others = augment(batch(), epoch=4, index=KEY["index"])
    assert not torch.equal(others, whole)


def test_targets_come_back_as_they_came():
    augment = AugmentBatch(CHAIN)
    labels = torch.arange(ROWS)
    assert isinstance(augment(batch(), **KEY), torch.Tensor)
    assert augment(batch(), None, **KEY)[1] is None
    assert augment(batch(), labels, **KEY)[1] is labels


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_labels_are_mixed_as_pictures_are(name):
    augment = AugmentBatch([name], classes=ROWS)
    plain = (40 * torch.arange(ROWS, dtype=torch.uint8)).reshape(-1, 1, 1, 1).expand(-1, 3, *SIZE)
    done, labels = augment(plain.contiguous(), torch.arange(ROWS), **KEY)
    levels = done.double().mean(dim=(1, 2, 3))
    assert (levels - labels.double() @ (40 * torch.arange(ROWS).double())).abs().max() <= 0.5
    assert torch.allclose(labels.sum(dim=1), torch.ones(ROWS))
    assert len(labels.unique()) > ROWS
    soft = augment(plain.contiguous(), torch.eye(ROWS, dtype=torch.float16), **KEY)[1]
    assert torch.equal(soft, labels)


def test_in_eval_mode_act_the_ops_that_do_the_same_to_every_picture():
    fixed = [{"center_crop": {"size": 24}}, {"grayscale": {"p": 1}}, "normalize"]
    drawn = ["horizontal_flip", {"grayscale": {"p": 0.5}}, "random_erasing", "mixup"]
    mixed = [drawn[0], *fixed[:1], *drawn[1:], *fixed[1:]]
    augment, labels = AugmentBatch(mixed, classes=ROWS).eval(), torch.arange(ROWS)
    done, after = augment(batch(), labels)
    assert torch.equal(done, AugmentBatch(fixed)(batch(), **KEY))
    assert torch.equal(done, augment(batch(), **KEY))
    assert after is labels
    assert augment.get_extra_state() == {"seen": 0}


def test_without_keys_samples_are_counted_and_the_count_is_saved():
    augment = AugmentBatch(CHAIN)
    first, second = augment(batch()), augment(batch(4))
    assert torch.equal(first, augment(batch(), epoch=0, index=range(ROWS)))
    assert torch.equal(second, augment(batch(4), epoch=0, index=range(ROWS, ROWS + 4)))
    saved = io.BytesIO()
    torch.save(nn.Sequential(augment).state_dict(), saved)
    saved.seek(0)
    later = nn.Sequential(AugmentBatch(CHAIN))
    later.load_state_dict(torch.load(saved, weights_only=True))
    assert torch.equal(later(batch()), augment(batch(), epoch=0, index=range(10, 10 + ROWS)))


def test_ranks_count_one_after_the_other(monkeypatch):
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_world_size", lambda: 3)
    augment = AugmentBatch(CHAIN)
    for rank in range(3):
        monkeypatch.setattr(distributed, "get_rank", lambda rank=rank: rank)
        own = copy.deepcopy(augment)
        for step in range(2):
            start = (3 * step + rank) * ROWS
            expected = augment(batch(), epoch=0, index=range(start, start + ROWS))
            assert torch.equal(own(batch()), expected)


@pytest.mark.parametrize(
    "make",
    [copy.deepcopy, copy.copy, lambda own: pickle.loads(pickle.dumps(own))],  # noqa: S301 (ours)
    ids=["deep", "shallow", "pickled"],
)
def test_copies_are_modules_of_their_own(make):
    augment = AugmentBatch([*CHAIN, "mixup"], classes=3, seed=2)
    expected = augment(batch(), torch.arange(ROWS) % 3, **KEY)
    own = make(augment)
    del augment
    compiled = torch.compile(own, backend="eager", fullgraph=True)
    for done in (own, compiled):
        images, labels = done(batch(), torch.arange(ROWS) % 3, **KEY)
        assert torch.equal(images, expected[0])
        assert torch.equal(labels, expected[1])


def test_moving_a_model_moves_nothing_of_it():
    model = nn.Sequential(AugmentBatch([*CHAIN, "normalize"], dtype=torch.bfloat16), nn.Flatten())
    expected = copy.deepcopy(model)(batch())
    assert expected.dtype == torch.bfloat16
    assert torch.equal(model.to("meta").to(torch.float64)(batch()), expected)
    assert list(model.parameters()) == list(model.buffers()) == []


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.uint8])
def test_type_and_memory_format_are_as_asked(dtype):
    augment = AugmentBatch(CHAIN, dtype=dtype, memory_format=torch.channels_last)
    done = augment(batch(), **KEY)
    assert done.dtype == dtype
    assert done.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(done, AugmentBatch(CHAIN)(batch(), **KEY).to(dtype))


def test_no_gradient_flows_into_the_images():
    images = torch.randn(ROWS, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    soft = torch.eye(ROWS).requires_grad_()
    done, labels = AugmentBatch(["random_erasing"])(images.requires_grad_(), soft, **KEY)
    assert not done.requires_grad
    assert labels is soft
    assert not AugmentBatch(["mixup"])(batch(), soft, **KEY)[1].requires_grad


class Net(nn.Module):
    """Somebody's model, which augments what it is given."""

    def __init__(self, ops: list, **options) -> None:
        super().__init__()
        self.augment = AugmentBatch(ops, **options)
        self.head = nn.Conv2d(3, 2, 3)

    def forward(self, images, labels, **key):
        images, labels = self.augment(images, labels, **key)
        return self.head(images).mean(dim=(2, 3)), labels


@pytest.fixture
def counted() -> Iterator[CompileCounterWithBackend]:
    """A backend that counts the graphs it is given."""
    torch._dynamo.reset()
    yield CompileCounterWithBackend("aot_eager")
    torch._dynamo.reset()


OPS = [*CHAIN, {"resize": {"size": [24, 20]}}, "normalize"]
MODELS = {
    "chain": (OPS, {}),
    "mixed": ([*OPS[:-1], "cutmix", "mixup", "normalize"], {"classes": ROWS}),
    "branches": ([*POLICIES, {"resize": {"size": 17}}], {"dtype": torch.float32}),
    "channels last": (OPS, {"memory_format": torch.channels_last}),
    "nothing": ([], {"dtype": torch.float32}),
}


@pytest.mark.parametrize(("name", "dynamic"), [*((name, True) for name in MODELS), ("mixed", None)])
def test_nothing_is_recompiled_for_other_keys_and_a_short_batch(name, dynamic, counted):
    """Unless it is told beforehand, torch finds out by one recompilation that lengths differ."""
    ops, options = MODELS[name]
    model = Net(ops, **options)
    compiled = torch.compile(model, backend=counted, fullgraph=True, dynamic=dynamic)
    for epoch in range(4):
        for rows in (ROWS, 4, 5):
            key = {"epoch": torch.tensor(epoch), "index": torch.arange(rows) + 10 * epoch}
            given = batch(rows), torch.arange(rows)
            scores, labels = compiled(*given, **key)
            expected, expected_labels = model(*given, **key)
            assert torch.allclose(scores, expected, rtol=1e-4, atol=1e-4)
            assert torch.equal(labels, expected_labels)
    assert counted.frame_count == 1 + (dynamic is None)


def test_an_epoch_as_int_is_soon_taken_for_a_variable(counted):
    compiled = torch.compile(Net(OPS), backend=counted, fullgraph=True)
    for epoch in range(8):
        compiled(batch(), torch.arange(ROWS), epoch=epoch, index=KEY["index"])
    assert counted.frame_count <= 3


def test_counting_goes_on_in_a_graph(counted):
    own, compiled = AugmentBatch(CHAIN), AugmentBatch(CHAIN)
    in_graph = torch.compile(compiled, backend=counted, fullgraph=True)
    for _ in range(3):
        assert torch.equal(in_graph(batch()), own(batch()))
    assert compiled.get_extra_state() == own.get_extra_state() == {"seen": 3 * ROWS}
    compiled.eval()
    assert torch.equal(in_graph(batch()), batch())
    assert counted.frame_count == 2


def test_a_training_step_compiles_as_a_whole(counted):
    model = Net([*OPS[:-1], "mixup", "normalize"], classes=2)
    compiled = torch.compile(model, backend=counted, fullgraph=True)
    labels = torch.arange(ROWS) % 2
    for run in (compiled, model):
        scores, soft = run(batch(), labels, epoch=torch.tensor(1), index=KEY["index"])
        nn.functional.cross_entropy(scores, soft).backward()
    twice = model.head.weight.grad.clone()
    model.zero_grad()
    scores, soft = model(batch(), labels, epoch=1, index=KEY["index"])
    nn.functional.cross_entropy(scores, soft).backward()
    assert torch.allclose(twice, 2 * model.head.weight.grad, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_the_op_keeps_what_it_promises_to_compilers(name, training):
    ops, options = MODELS[name]
    augment = AugmentBatch(ops, **options)
    key = torch.tensor(3), KEY["index"], torch.zeros(ROWS, dtype=torch.int64)
    labels = torch.arange(ROWS) if "mixed" in name and training else None
    arguments = batch(), labels, *key, augment._number, training
    checks = ("test_schema", "test_faketensor", "test_aot_dispatch_dynamic")
    torch.library.opcheck(one_op, arguments, test_utils=checks)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch's compiler has some of its own
def test_compiled_it_does_the_same():
    ops = [*OPS[:-1], "cutmix", "normalize"]
    own, compiled = (AugmentBatch(ops, classes=ROWS, compile=compile) for compile in (False, True))
    in_graph = torch.compile(compiled, backend="aot_eager", fullgraph=True)
    for rows in (ROWS, 4):
        key = {"epoch": torch.tensor(rows), "index": torch.arange(rows)}
        expected, labels = own(batch(rows), torch.arange(rows), **key)
        for run in (compiled, in_graph):
            done, mixed = run(batch(rows), torch.arange(rows), **key)
            assert torch.equal(mixed, labels)
            # Of uint8, a level is 1 / 255 / std.
            assert (done - expected).abs().max() <= 1 / 255 / 0.22 + 1e-5


def test_a_compiler_is_not_told_of_a_size_that_is_drawn():
    augment = AugmentBatch([{"zoom_out": {"p": 1}}])
    with pytest.raises(PlanError, match="must come out in one size"):
        augment.outline(batch(), None, training=True)
    with pytest.raises(PlanError, match="must come out in one size"):
        augment(batch(), **KEY)


@pytest.fixture
def process_group(tmp_path) -> Iterator[None]:
    """This process alone, as a group."""
    place = f"file://{tmp_path / 'group'}"
    distributed.init_process_group("gloo", init_method=place, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("process_group")
def test_it_may_stand_in_a_model_that_is_trained_in_parallel():
    model = Net(OPS)
    expected = copy.deepcopy(model)(batch(), torch.arange(ROWS))
    parallel = nn.parallel.DistributedDataParallel(model)
    scores, _ = parallel(batch(), torch.arange(ROWS))
    assert torch.equal(scores, expected[0])
    scores.sum().backward()
    assert model.augment.get_extra_state() == {"seen": ROWS}


def test_views_have_no_room_and_a_wrong_pipeline_says_so():
    for name in MANY_VIEWS:
        with pytest.raises(RecipeError, match=f"{name}#0: a batch has one picture for each sample"):
            AugmentBatch([{name: dict(CASES[name].typical)}])
    with pytest.raises(RecipeError, match="unknown op 'hflip'; did you mean 'horizontal_flip'"):
        AugmentBatch(["hflip"])


@pytest.mark.parametrize("name", ["mosaic", "copy_paste", "jpeg_compression"])
def test_what_batches_cannot_do_is_refused_by_name(name):
    assert name in CPU_ONLY
    with pytest.raises((PlanError, RecipeError), match=f"{name}#0: "):
        AugmentBatch([{name: dict(CASES[name].typical)}])(batch(), **KEY)


def test_print_shows_the_pipeline():
    assert "RandomErasing" in repr(nn.Sequential(AugmentBatch(EXACT, seed=9)))
    assert "seed=9" in repr(AugmentBatch(EXACT, seed=9))
