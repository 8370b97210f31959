"""Sheets hold what they say, where it can be read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from augpipe import Pipeline, build_loader
from augpipe.data.sample import Targets
from augpipe.errors import DataError
from augpipe.preview import (
    Cell,
    Line,
    Sheet,
    draw_sheet,
    epoch_columns,
    percentile_columns,
    sheet_of,
)
from augpipe.preview.words import Drawn

BLACK = np.zeros((8, 8, 3), np.uint8)
LEFT, TOP, SIDE = 170, 70, 144


def shown(sheet: Sheet) -> np.ndarray:
    return np.asarray(draw_sheet(sheet))


def arrays(count: int = 6):
    images = np.stack([np.full((16, 16, 3), 40 * n, np.uint8) for n in range(count)])
    return images, np.arange(count) % 2


def test_a_long_name_does_not_run_into_the_pictures():
    line = Line("a very long name of a class of plants", "", [Cell(BLACK, Targets())])
    assert (shown(Sheet("", [line]))[TOP : TOP + SIDE, 162:LEFT] == 255).all()


def test_a_long_note_ends_where_the_sheet_does():
    sheet = shown(Sheet("", [Line("", "", [Cell(BLACK, Targets())])], notes=["word " * 100]))
    assert (sheet[:, -20:] == 255).all()


def test_lines_make_room_for_what_stands_below_their_pictures():
    plain, noted = Cell(BLACK, Targets()), Cell(BLACK, Targets(), notes=["cat 70%", "dog 30%"])
    low, high = (shown(Sheet("", [Line("", "", [cell])] * 2)) for cell in (plain, noted))
    assert high.shape[0] - low.shape[0] == 2 * (2 * 16 + 6)
    below = high[TOP + SIDE : TOP + SIDE + 34, LEFT : LEFT + SIDE]
    assert (below < 128).any()
    assert (low[TOP + SIDE : TOP + SIDE + 8] == 255).all()


def test_stages_have_their_ops_below_and_other_sheets_do_not():
    cell = Cell(BLACK, Targets(), "1 · warp", drawn=[Drawn("rotate", "angle 12°")])
    sheets = [Sheet("", [Line("", "", [cell])], staged=staged) for staged in (False, True)]
    plain, staged = map(shown, sheets)
    assert staged.shape[0] > plain.shape[0]
    assert (staged[-50:-20, LEFT : LEFT + SIDE] < 128).any()


def test_the_colours_of_boxes_are_explained():
    boxes = Targets(boxes=np.array([[1.0, 1, 5, 5]]), box_labels=np.array([2]))
    plain, legend = (
        shown(Sheet("", [Line("", "", [Cell(BLACK, targets)])], ["a", "b", "c"]))
        for targets in (Targets(), boxes)
    )
    assert legend.shape[0] - plain.shape[0] == 18
    assert (legend[46:66, 20:30] == (34, 136, 51)).all(axis=2).any()


def test_a_sheet_of_a_loader_has_shares_partners_and_a_note_on_batches():
    pipeline = Pipeline([{"hsv": {"p": 0.5}}], batch=["mixup"])
    loader = build_loader(arrays(), pipeline, batch_size=3, num_workers=0)
    sheet = sheet_of("", [0, 5], epoch_columns(loader, 0, 4))
    assert [note.split(":")[0] for note in sheet.notes] == ["mixup on batches"]
    assert "of a batch of 3" in sheet.notes[0]
    for line in sheet.lines:
        for cell, epoch in zip(line.cells[1:], range(4), strict=True):
            (entry,) = (e for e in cell.record if e["op"] == "batch")
            assert cell.notes[-1] == f"with row {entry['rows'][1]}"
            assert entry["rows"][0] == line.row
            own = loader.replay(epoch, line.row)
            assert np.array_equal(cell.image, own.image)
            assert "mixup" in [drawn.op for drawn in cell.drawn]
    json.dumps(sheet.as_json())


def test_percentiles_are_not_epochs():
    loader = build_loader(arrays(), [{"brightness": {"factor": [0.5, 1.5]}}], num_workers=0)
    sheet = sheet_of("", [3], percentile_columns(loader, (0, 100)))
    original, weak, strong = sheet.lines[0].cells
    assert (original.title, weak.title, strong.title) == (
        "original",
        "percentile 0",
        "percentile 100",
    )
    assert weak.image.mean() < original.image.mean() < strong.image.mean()


def test_a_row_that_is_not_there_is_named():
    loader = build_loader(arrays(), [], num_workers=0)
    with pytest.raises(DataError, match="no row 9"):
        sheet_of("", [9], epoch_columns(loader, 0, 1))
