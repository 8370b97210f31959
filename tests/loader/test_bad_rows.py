from __future__ import annotations

import shutil

import pytest

from augpipe import build_loader
from augpipe.errors import DataError, DecodeError
from loader_stream import stream

RESIZE = [{"resize": {"size": [16, 16]}}]
EPOCH = 14  # in which the damaged row is a partner before it is met itself


@pytest.fixture
def damaged(shapes, tmp_path):
    """The shapes, of which one is cut in half."""
    root = shutil.copytree(shapes, tmp_path / "shapes")
    file = next(root.glob("circle/03.*"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return root


def row_of(root) -> int:
    source = build_loader(root).source
    return next(row for row in range(len(source)) if "circle/03" in source.where(row))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_error_names_epoch_row_and_file_whatever_the_workers(damaged, num_workers):
    loader = build_loader(damaged, RESIZE, num_workers=num_workers, epoch=7)
    with pytest.raises(DecodeError) as caught:
        list(loader)
    message = str(caught.value)
    assert message.startswith(f"epoch 7: row {row_of(damaged)}: ")
    assert message.count("circle/03.") == 1
    assert "\n" not in message


@pytest.mark.parametrize("num_workers", [0, 2])
def test_skip_leaves_the_row_out_and_lists_it(damaged, num_workers):
    loader = build_loader(damaged, RESIZE, num_workers=num_workers, on_error="skip")
    rows = [row for batch in loader for row in batch.index.tolist()]
    assert sorted({*rows, row_of(damaged)}) == list(range(32))
    assert len(rows) == 31
    list(loader)  # met again in the next epoch, listed once
    assert [bad.row for bad in loader.errors] == [row_of(damaged)]
    assert "circle/03." in loader.errors[0].message


def test_skip_of_a_whole_batch_yields_no_batch(damaged):
    loader = build_loader(damaged, RESIZE, batch_size=1, num_workers=0, on_error="skip")
    assert [len(batch) for batch in loader] == [1] * 31
    assert loader.state_dict()["epoch"] == 1


@pytest.mark.parametrize(("num_workers", "batch_size"), [(0, 1), (0, 32), (2, 5)])
def test_replace_puts_the_same_row_there_whatever_the_workers(damaged, num_workers, batch_size):
    def replaced(**options):
        return stream(build_loader(damaged, RESIZE, on_error="replace", **options))

    reference = replaced(num_workers=0, batch_size=8)
    assert len(reference) == 32
    assert row_of(damaged) not in [row for _, row, _, _ in reference]
    assert replaced(num_workers=num_workers, batch_size=batch_size) == reference


def test_a_damaged_partner_is_named_and_its_sample_got_over(damaged):
    ops = [*RESIZE, {"mixup": {"alpha": 8}}]
    loader = build_loader(damaged, ops, num_workers=0, on_error="skip", epoch=EPOCH)
    rows = [row for batch in loader for row in batch.index.tolist()]
    assert [bad.row for bad in loader.errors] == [row_of(damaged)]
    mixed = [loader.pipeline.rows(32, epoch=EPOCH, index=row)[0].tolist() for row in range(32)]
    assert sorted(rows) == [own for own, other in mixed if row_of(damaged) not in (own, other)]
    partnered = next(own for own, other in mixed if other == row_of(damaged) != own)
    with pytest.raises(DecodeError, match=f"^row {row_of(damaged)}: .*circle/03"):
        loader.replay(epoch=EPOCH, index=partnered)
    strict = build_loader(damaged, ops, num_workers=0, batch_size=1, epoch=EPOCH, shuffle=False)
    with pytest.raises(DecodeError, match=f"^epoch {EPOCH}: row {row_of(damaged)}: .*circle/03"):
        list(strict)
    assert partnered < row_of(damaged)  # so that it is met first, as a partner


def test_too_many_bad_rows_are_an_error_after_all(shapes, tmp_path):
    root = shutil.copytree(shapes, tmp_path / "shapes")
    for file in root.glob("star/*"):
        file.write_bytes(b"")
    loader = build_loader(root, RESIZE, num_workers=0, on_error="skip", max_errors=3)
    with pytest.raises(DataError, match=r"bad rows, more than max_errors=3; the last: .*star"):
        list(loader)


def test_where_all_replacements_are_bad_it_says_so(shapes, tmp_path):
    root = shutil.copytree(shapes, tmp_path / "shapes")
    for file in root.rglob("*.*"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match="and so are 10 rows drawn to replace it"):
        list(build_loader(root, RESIZE, num_workers=0, on_error="replace"))


def test_a_vanished_file_is_a_bad_row(shapes, tmp_path):
    root = shutil.copytree(shapes, tmp_path / "shapes")
    loader = build_loader(root, RESIZE, num_workers=0, on_error="skip")
    next(root.glob("star/*")).unlink()
    assert sum(map(len, loader)) == 31
