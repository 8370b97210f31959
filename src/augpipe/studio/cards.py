"""The ops on the page: a card for each, to be opened, switched off, moved and taken away."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nicegui import ui

from augpipe.errors import RecipeError
from augpipe.spell import spell
from augpipe.studio.controls import show_control
from augpipe.studio.draft_ops import DraftOp, DraftOps, addable

_TITLES = {
    "train": "for each picture, in training",
    "val": "for each picture, in validation",
    "batch": "for each batch, on the device",
    "ops": "of these",
}


class Cards:
    """The cards of all sections.

    Args:
        draft: the ops.
        changed: called after each change.
    """

    def __init__(self, draft: DraftOps, changed: Callable[[], None]) -> None:
        self.draft, self.changed = draft, changed
        self._columns: dict[str, ui.column] = {}
        self._cards: dict[DraftOp, Card] = {}
        for section in draft.sections:
            ui.label(_TITLES[section]).classes("text-xs opacity-70 mt-2")
            column = ui.column().classes("w-full gap-2 min-h-4")
            column.make_sortable(handle=".handle", group=f"ops-{id(self)}", on_end=self._dropped)
            self._columns[section] = column
            self._adder(section)
        self.rebuild()

    def rebuild(self) -> None:
        """Anew, after the draft has changed as a whole."""
        self._cards.clear()
        for section, column in self._columns.items():
            column.clear()
            for op in self.draft.sections[section]:
                self._show(section, op)

    def check(self) -> None:
        """Say at each card what is set, and what is wrong with it."""
        for card in self._cards.values():
            card.check()

    def _show(self, section: str, op: DraftOp, *, is_open: bool = False) -> None:
        with self._columns[section]:
            self._cards[op] = Card(op, self, is_open=is_open)

    def _adder(self, section: str) -> None:
        options = {name: f"{name}: {what}" for name, what in addable().items()}
        select = ui.select(options, with_input=True, label="add an op")
        select.props(f'dense outlined options-dense use-input aria-label="add to {section}"')
        select.classes("w-full")

        def add() -> None:
            if select.value is not None:
                op = self.draft.add(section, select.value)
                self._show(section, op, is_open=True)
                select.set_value(None)
                self.changed()

        select.on_value_change(add)

    def move(self, op: DraftOp, by: int) -> None:
        """Up or down within its section."""
        section = self.draft.section_of(op)
        place = self.draft.sections[section].index(op) + by
        if 0 <= place < len(self.draft.sections[section]):
            self.draft.move(op, section, place)
            self._cards[op].element.move(target_index=place)
            self.changed()

    def remove(self, op: DraftOp) -> None:
        """Take it out of the pipeline."""
        self.draft.remove(op)
        self._cards.pop(op).element.delete()
        self.changed()

    def _dropped(self, event: Any) -> None:
        """A card was dragged; the page has moved it already."""
        section = next(name for name, one in self._columns.items() if one is event.target)
        op = next(op for op, card in self._cards.items() if card.element is event.item)
        self.draft.move(op, section, event.new_index)
        self.changed()


class Card:
    """One op.

    Args:
        op: which one.
        cards: where it lies.
        is_open: whether its controls show.
    """

    def __init__(self, op: DraftOp, cards: Cards, *, is_open: bool) -> None:
        self.op, self._cards = op, cards
        self._unread: dict[str, str] = {}  # what is wrong with text that is no value at all
        with ui.card().classes("w-full gap-1 p-2").props(f'data-op="{op.name}"') as self.element:
            self._head()
            self._error = ui.label().classes("text-negative text-xs break-words px-1")
            self._body = ui.column().classes("w-full gap-1 px-1")
        self._body.set_visibility(False)
        if is_open:
            self._flip()
        self.check()

    def _head(self) -> None:
        op, cards = self.op, self._cards
        with ui.row(wrap=False).classes("items-center gap-1 w-full"):
            ui.icon("drag_indicator", size="sm").classes("handle cursor-grab opacity-50")
            ui.switch(value=op.on, on_change=self._toggled).props('dense size=sm aria-label="on"')
            with ui.element("div").classes("grow min-w-0 ml-1 cursor-pointer") as name:
                ui.label(op.name).classes("leading-tight")
                self._brief = ui.label().classes("text-xs opacity-60 truncate")
                ui.tooltip(op.help).classes("max-w-sm text-xs")
            name.on("click", self._flip)
            _button("keyboard_arrow_up", "up", lambda: cards.move(op, -1))
            _button("keyboard_arrow_down", "down", lambda: cards.move(op, 1))
            _button("close", "remove", lambda: cards.remove(op))
            _button("tune", "parameters", self._flip).set_enabled(bool(op.controls))

    def check(self) -> None:
        """Say what is set, and what is wrong, if anything is."""
        wrong = next(iter(self._unread.values()), "")
        try:
            self.op.make()
        except RecipeError as error:
            wrong = wrong or str(error)
        self._brief.set_text(spell(self.op.fields)[1:-1])
        self._error.set_text(wrong)
        self._error.set_visibility(bool(wrong))

    def _flip(self) -> None:
        """Open or close it; controls are made when they are seen first."""
        self._body.set_visibility(not self._body.visible)
        if self._body.visible and not self._body.default_slot.children:
            with self._body:
                self._controls()

    def _controls(self) -> None:
        values = self.op.values
        for control in self.op.controls:
            if control.kind == "ops":
                self._members(control.field)
            else:
                show_control(control, values[control.field], partial(self._set, control.field))

    def _members(self, field: str) -> None:
        """Of an op that is made of ops, their cards inside of its own."""
        members = DraftOps({field: self.op.fields[field]})

        def changed() -> None:
            cards.check()
            self._set(field, lambda: members.specs[field])

        cards = Cards(members, changed)

    def _toggled(self, event: Any) -> None:
        self.op.on = bool(event.value)
        self.element.classes(**{"remove" if event.value else "add": "opacity-60"})
        self._cards.changed()

    def _set(self, field: str, give: Callable[[], Any]) -> None:
        self._unread.pop(field, None)
        try:
            self.op.set(field, give())
        except RecipeError as error:
            self._unread[field] = f"{self.op.name}.{field}: {error}"
        self._cards.changed()


def _button(icon: str, label: str, on_click: Callable[[], None]) -> ui.button:
    button = ui.button(icon=icon, on_click=on_click)
    return button.props(f'flat round dense size=sm aria-label="{label}"').tooltip(label)
