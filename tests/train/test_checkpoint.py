import pickle

import pytest
import torch

from augpipe.errors import StateError
from augpipe.train import checkpoint


@pytest.fixture
def state():
    return checkpoint.State(
        version=checkpoint.VERSION,
        model={"weight": torch.arange(6.0).reshape(2, 3)},
        ema={"weight": torch.ones(2, 3)},
        updates=7,
        optimizer={"state": {0: {"momentum_buffer": torch.zeros(2, 3)}}, "param_groups": []},
        taken=8,
        plateau=None,
        swa=None,
        precision={"scale": 65536.0},
        guard={"streak": 1},
        step=9,
        epoch=3,
        underway={"tally": {"sums": [1.0, 2.0, 3.0, 4.0]}, "skipped": 1},
        stopping={"best": 0.5, "epochs": 1},
        best=checkpoint.Best(accuracy=0.5, epoch=2),
        classes=["a", "b"],
        loader={"seed": 1, "epoch": 3},
        rng={"cpu": torch.get_rng_state()},
        recipe_hash="0123abcd",
        recipe="train: {epochs: 3}",
    )


def test_what_is_saved_is_loaded(tmp_path, state, assert_same):
    checkpoint.save(tmp_path / "last.pt", state)
    assert_same(checkpoint.load(tmp_path / "last.pt"), state)


def test_a_run_without_average_saves_none(tmp_path, state):
    checkpoint.save(tmp_path / "last.pt", {**state, "ema": None})
    assert checkpoint.load(tmp_path / "last.pt")["ema"] is None


def test_a_save_that_fails_leaves_the_old_checkpoint(tmp_path, state):
    path = tmp_path / "last.pt"
    checkpoint.save(path, state)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        checkpoint.save(path, {**state, "epoch": lambda: 4})
    assert checkpoint.load(path)["epoch"] == 3
    assert list(tmp_path.iterdir()) == [path]


class Bomb:
    def __reduce__(self):
        return print, ("exploded",)


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, state, capsys):
    torch.save({**state, "recipe": Bomb()}, tmp_path / "last.pt")
    with pytest.raises(StateError, match="no checkpoint, or a damaged one"):
        checkpoint.load(tmp_path / "last.pt")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"epoch,lr\n1,0.1\n", b"\x89PNG\r\n\x1a\n" + b"\0" * 64])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"metrics\.csv is no checkpoint"):
        checkpoint.load(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_checkpoint_cut_short_is_refused(tmp_path, state, kept):
    path = tmp_path / "last.pt"
    checkpoint.save(path, state)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(StateError, match="damaged"):
        checkpoint.load(path)


def test_a_flipped_bit_is_noticed(tmp_path, state):
    path = tmp_path / "last.pt"
    state["model"]["weight"] = torch.arange(1000.0)
    checkpoint.save(path, state)
    content = bytearray(path.read_bytes())
    at = content.index(torch.arange(500.0, 510.0).numpy().tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"is a damaged checkpoint: the checksum of .* is wrong"):
        checkpoint.load(path)


def test_an_absent_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.pt"):
        with pytest.raises(StateError, match="there is no checkpoint"):
            checkpoint.load(path)


def test_files_of_tensors_that_are_no_run_are_refused(tmp_path, state):
    torch.save(torch.ones(3), tmp_path / "a.pt")
    with pytest.raises(StateError, match="holds a Tensor"):
        checkpoint.load(tmp_path / "a.pt")
    torch.save({key: state[key] for key in state if key not in ("rng", "best")}, tmp_path / "b.pt")
    with pytest.raises(StateError, match="lacks best, rng"):
        checkpoint.load(tmp_path / "b.pt")


def test_another_version_of_the_format_is_refused(tmp_path, state):
    torch.save({**state, "version": 99}, tmp_path / "a.pt")
    with pytest.raises(StateError, match="has version 99 of the checkpoint format"):
        checkpoint.load(tmp_path / "a.pt")


def test_another_recipe_is_refused_with_both_fingerprints_and_the_remedy(tmp_path, state):
    path = tmp_path / "last.pt"
    checkpoint.refuse_other_recipe(state, "0123abcd", path)
    with pytest.raises(StateError) as caught:
        checkpoint.refuse_other_recipe(state, "4567cdef", path)
    for part in ("0123abcd", "4567cdef", str(path), "config.yaml", "without --resume"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("wrapped", "bare"),
    [
        (["module.a.w", "module.b"], ["a.w", "b"]),
        (["_orig_mod.module.a", "_orig_mod.module.b"], ["a", "b"]),
        (["module._orig_mod.module.a.w"], ["a.w"]),
        (["a._orig_mod.w", "b"], ["a.w", "b"]),
        (["module.a", "head.b"], ["module.a", "head.b"]),
        ([], []),
    ],
)
def test_wrappers_are_stripped_however_nested(wrapped, bare):
    weights = {name: torch.tensor(index) for index, name in enumerate(wrapped)}
    assert checkpoint.strip_wrappers(weights) == dict(zip(bare, weights.values(), strict=True))
