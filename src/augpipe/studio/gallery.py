"""Rows of the dataset as small pictures, some at a time, of which one is picked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nicegui import background_tasks, ui

from augpipe.data.dataset import ImageDataset
from augpipe.studio.render import Shown, thumbnails

_ROWS = 24  # at a time


class Gallery:
    """The gallery, at the place where it is made.

    Args:
        dataset: whose rows.
        picked: called with the number of a row.
    """

    def __init__(self, dataset: ImageDataset, picked: Callable[[int], None]) -> None:
        self._dataset, self._picked, self._first, self._row = dataset, picked, 0, 0
        self._frames: dict[int, ui.element] = {}
        with ui.row(wrap=False).classes("items-center justify-between w-full"):
            self._back = _button("chevron_left", "rows before", lambda: self._turn(-_ROWS))
            self._rows = ui.label().classes("text-xs opacity-70")
            self._on = _button("chevron_right", "rows after", lambda: self._turn(_ROWS))
        self._grid = ui.element("div").classes("grid grid-cols-2 gap-2 w-full")
        self._turn(0)

    def _turn(self, by: int) -> None:
        """To other rows."""
        self._first += by
        last = min(self._first + _ROWS, len(self._dataset))
        self._rows.set_text(f"rows {self._first:,} to {last - 1:,} of {len(self._dataset):,}")
        self._back.set_enabled(self._first > 0)
        self._on.set_enabled(last < len(self._dataset))
        background_tasks.create(self._load(range(self._first, last)))

    async def _load(self, rows: range) -> None:
        small = await asyncio.to_thread(thumbnails, self._dataset, rows)
        if rows.start != self._first:  # turned on in the meantime
            return
        self._grid.clear()
        self._frames.clear()
        with self._grid:
            for row, shown in zip(rows, small, strict=True):
                self._frames[row] = self._frame(row, shown)
        self._mark(self._row)

    def _frame(self, row: int, shown: Shown) -> ui.element:
        with ui.element("button").classes("thumb").props(f'aria-label="{shown.title}"') as frame:
            if shown.url:
                ui.element("img").props["src"] = shown.url
            else:
                ui.icon("broken_image", size="md").classes("opacity-50")
            ui.label(shown.note if shown.url else "unreadable").classes("text-xs truncate w-full")
            ui.tooltip(f"{shown.title} {shown.note}").classes("max-w-sm text-xs")
        return frame.on("click", lambda: self._pick(row))

    def _pick(self, row: int) -> None:
        self._mark(row)
        self._picked(row)

    def _mark(self, row: int) -> None:
        for number, frame in self._frames.items():
            frame.classes(**{"add" if number == row else "remove": "picked"})
        self._row = row


def _button(icon: str, label: str, on_click: Callable[[], None]) -> ui.button:
    return ui.button(icon=icon, on_click=on_click).props(f'flat round dense aria-label="{label}"')
