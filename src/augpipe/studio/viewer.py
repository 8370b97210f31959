"""The picked row as it is, and what the pipeline makes of it; drawn anew after each change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from nicegui import background_tasks, ui

from augpipe.data.dataset import ImageDataset
from augpipe.errors import AugpipeError
from augpipe.pipeline import Pipeline
from augpipe.rng import MAX_EPOCH
from augpipe.studio.render import Look, Shown, original, variants

_BY = {"epochs": "epochs", "strengths": "mild to extreme"}
_MOST = 16


class Viewer:
    """The pictures, and what of the row to look at.

    Args:
        dataset: where the row is.
        pipeline: gives the pipeline as it is now, or raises what is wrong with it.
        seed: of all draws.
    """

    def __init__(self, dataset: ImageDataset, pipeline: Callable[[], Pipeline], seed: int) -> None:
        self._dataset, self._pipeline, self._seed = dataset, pipeline, seed
        self.look = Look()
        self._wanted, self._drawing = 0, False
        self._settings()
        self._title = ui.label().classes("text-xs opacity-70 break-all")
        self._error = ui.label().classes("error")
        self._grid = ui.element("div").classes("pictures")
        self._figures: list[_Figure] = []

    def _settings(self) -> None:
        with ui.row(wrap=False).classes("items-center gap-4 w-full h-10"):
            by = ui.toggle(_BY, value="epochs", on_change=lambda event: self._by(event.value))
            by.props("dense no-caps unelevated padding='4px 10px'").classes("whitespace-nowrap")
            self._epochs = ui.row(wrap=False).classes("items-center gap-4")
        with self._epochs:
            first = ui.number("first epoch", value=0, min=0, step=1, precision=0)
            first.props("dense outlined").classes("w-24")
            first.on_value_change(lambda: self.show(epoch=_within(first.value, 0, MAX_EPOCH)))
            count = ui.number("how many", value=self.look.count, min=1, max=_MOST, precision=0)
            count.props("dense outlined").classes("w-24")
            count.on_value_change(
                lambda: self.show(count=min(max(1, int(count.value or 1)), _MOST))
            )

    def _by(self, which: str) -> None:
        self._epochs.set_visibility(which == "epochs")
        self.show(strengths=which == "strengths")

    def show(self, **look: int | bool) -> None:
        """Look at something else, such as another `row`, or at the same anew.

        What changes while pictures are drawn is drawn after them, in one go.
        """
        self.look = replace(self.look, **look)  # type: ignore[arg-type]  # names of its fields
        self._wanted += 1
        if not self._drawing:
            background_tasks.create(self._draw())

    async def _draw(self) -> None:
        self._drawing = True
        try:
            drawn = 0
            while drawn != self._wanted:
                drawn = self._wanted
                await self._draw_once(self.look)
        finally:
            self._drawing = False

    async def _draw_once(self, look: Look) -> None:
        try:
            pipeline = self._pipeline()
            shown = await asyncio.to_thread(self._pictures, pipeline, look)
        except AugpipeError as error:
            self._say(str(error))
        except Exception as error:  # a mistake of ours: the terminal has all of it
            self._say(f"this should not happen: {error!r}")
            raise
        else:
            self._say("")
            self._put(shown)
        self._title.set_text(f"row {look.row} · {self._dataset.where(look.row)}")

    def _pictures(self, pipeline: Pipeline, look: Look) -> list[Shown]:
        made = variants(self._dataset, pipeline, look, self._seed)
        return [original(self._dataset, look.row), *made]

    def _say(self, error: str) -> None:
        """What is wrong, over the last pictures that were right."""
        self._error.set_text(error)
        self._error.set_visibility(bool(error))
        self._grid.classes(**{"add" if error else "remove": "stale"})

    def _put(self, shown: list[Shown]) -> None:
        while len(self._figures) > len(shown):
            self._figures.pop().element.delete()
        with self._grid:
            while len(self._figures) < len(shown):
                self._figures.append(_Figure())
        for figure, one in zip(self._figures, shown, strict=True):
            figure.put(one)


def _within(number: float | None, low: int, high: int) -> int:
    """What was typed, as far as that is possible."""
    return min(max(int(number or low), low), high)


class _Figure:
    """A picture, what it is, and, where the mouse rests on it, what was drawn for it."""

    def __init__(self) -> None:
        with ui.element("figure") as self.element:
            with ui.element("div").classes("frame"):
                self._image = ui.element("img")
            with ui.element("figcaption"):
                self._title = ui.label().classes("font-medium")
                self._note = ui.label().classes("opacity-70 truncate")
            with ui.tooltip().classes("max-w-xl text-xs") as self._tooltip:
                self._drawn = ui.label().classes("whitespace-pre-line font-mono")

    def put(self, shown: Shown) -> None:
        self._image.props["src"] = shown.url
        self._image.props["alt"] = f"{shown.title}, {shown.note}"
        self._title.set_text(shown.title)
        self._note.set_text(shown.note)
        self._drawn.set_text("\n".join(shown.drawn))
        self._tooltip.set_visibility(bool(shown.drawn))
