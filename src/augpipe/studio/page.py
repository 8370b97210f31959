"""The page: rows on the left, what becomes of one in the middle, the ops on the right."""

from __future__ import annotations

from pathlib import Path

from nicegui import ui

from augpipe.data.dataset import ImageDataset
from augpipe.errors import AugpipeError
from augpipe.pipeline import Pipeline
from augpipe.recipe import Part, Recipe
from augpipe.studio.cards import Cards
from augpipe.studio.draft import Draft
from augpipe.studio.gallery import Gallery
from augpipe.studio.viewer import Viewer

_STYLE = Path(__file__).with_name("page.css")


class Page:
    """The page as one visitor has it.

    Args:
        title: what it is about.
        recipe: the pipeline to begin with.
        part: which of its ops are edited.
        dataset: whose rows are shown.
    """

    def __init__(self, title: str, recipe: Recipe, part: Part, dataset: ImageDataset) -> None:
        self.draft = Draft(recipe, part)
        ui.add_css(_STYLE)
        self._header(title)
        with ui.row(wrap=False).classes("w-full gap-0 items-start"):
            with ui.column().classes("pane w-56 shrink-0 gap-2"):
                Gallery(dataset, lambda row: self._viewer.show(row=row))
            with ui.column().classes("pane grow gap-3 min-w-0"):
                self._viewer = Viewer(dataset, self._pipeline, recipe.loader.seed)
            with ui.column().classes("pane w-[30rem] shrink-0 gap-1"):
                self._ops()
        self._changed()

    def _header(self, title: str) -> None:
        dark = ui.dark_mode(None)
        with ui.row(wrap=False).classes("items-center gap-3 w-full px-4 h-[3.25rem]"):
            ui.label("augpipe").classes("text-lg font-semibold")
            ui.label(title).classes("opacity-70 grow truncate")
            ui.toggle({None: "auto", False: "light", True: "dark"}).bind_value(dark).props(
                "dense no-caps flat padding='2px 8px'"
            )
            ui.button("Start again", on_click=self._reset).props("flat dense no-caps")
            ui.button("Copy YAML", icon="content_copy", on_click=self._copy).props(
                "dense no-caps unelevated"
            ).classes("px-3")

    def _ops(self) -> None:
        with ui.tabs().props("dense no-caps align=left") as tabs:
            tabs.value = "ops"
            ui.tab("ops")
            ui.tab("YAML")
        with ui.column().classes("w-full gap-1").bind_visibility_from(tabs, "value", value="ops"):
            self._cards = Cards(self.draft, self._changed)
        with ui.column().classes("w-full gap-2").bind_visibility_from(tabs, "value", value="YAML"):
            self._yaml = ui.textarea().props("dense outlined input-class=yaml").classes("w-full")
            self._wrong = ui.label().classes("error")
            self._wrong.set_visibility(False)
            ui.button("Use this YAML", on_click=self._read).props("dense no-caps outline")

    def _changed(self) -> None:
        """After each change."""
        self._cards.check()
        self._viewer.show()

    def _pipeline(self) -> Pipeline:
        """What the ops come to; as long as that is wrong, the YAML stays what it was."""
        pipeline = self.draft.pipeline()
        self._yaml.set_value(self.draft.to_yaml())
        return pipeline

    def _copy(self) -> None:
        try:
            ui.clipboard.write(self.draft.to_yaml())
        except AugpipeError as error:
            ui.notify(str(error), type="negative", multi_line=True)
        else:
            ui.notify("Copied: the section pipeline of a recipe.", type="positive")

    def _read(self) -> None:
        """Take the ops out of the text."""
        try:
            self.draft.read(self._yaml.value or "")
        except AugpipeError as error:
            self._tell(str(error))
        else:
            self._tell("")
            self._cards.rebuild()
            self._changed()

    def _tell(self, error: str) -> None:
        self._wrong.set_text(error)
        self._wrong.set_visibility(bool(error))

    def _reset(self) -> None:
        self.draft.reset()
        self._cards.rebuild()
        self._changed()
