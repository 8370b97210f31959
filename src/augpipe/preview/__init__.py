"""Samples as pictures that people look at: sheets and pages."""

from augpipe.preview.columns import (
    Column,
    cell_of,
    epoch_columns,
    line_of,
    notes_of,
    percentile_columns,
    sheet_of,
)
from augpipe.preview.contact import draw_sheet, save_sheet
from augpipe.preview.draw import as_levels, draw_picture, name_label
from augpipe.preview.page import write_page
from augpipe.preview.sheet import Cell, Line, Sheet
from augpipe.preview.stages import stage_lines

__all__ = [
    "Cell",
    "Column",
    "Line",
    "Sheet",
    "as_levels",
    "cell_of",
    "draw_picture",
    "draw_sheet",
    "epoch_columns",
    "line_of",
    "name_label",
    "notes_of",
    "percentile_columns",
    "save_sheet",
    "sheet_of",
    "stage_lines",
    "write_page",
]
