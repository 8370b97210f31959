"""Controls on the page: sliders, ranges, choices, switches, colours, and text for all else."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from nicegui import ui

from augpipe.schema import read_yaml
from augpipe.spell import spell
from augpipe.studio.fields import Control

# What a control calls with a function that gives its new value, or raises what is wrong with it.
Change = Callable[[Callable[[], Any]], None]

_DIGITS = 9


def show_control(control: Control, value: Any, change: Change) -> None:
    """Put a control where the page stands, under its name, with what the docstring says of it.

    Args:
        control: which one.
        value: what it shows at first.
        change: called whenever it is moved or typed into.
    """
    with ui.element("div").classes("grid grid-cols-[8rem_1fr] items-center gap-x-3 w-full"):
        with ui.label(control.field).classes("text-xs font-mono truncate"):
            if control.help:
                ui.tooltip(control.help).classes("max-w-sm text-xs")
        with ui.row(wrap=False).classes("items-center gap-2 w-full min-h-8"):
            _KINDS[control.kind](control, value, change)


def _switch(control: Control, value: bool, change: Change) -> None:
    ui.switch(value=value, on_change=lambda event: change(lambda: bool(event.value))).props(
        f'dense aria-label="{control.field}"'
    )


def _choice(control: Control, value: str, change: Change) -> None:
    ui.select(
        list(control.choices), value=value, on_change=lambda event: change(lambda: event.value)
    ).props(f'dense outlined options-dense aria-label="{control.field}"').classes("w-full")


def _sliders(control: Control, value: Any, change: Change) -> None:
    numbers = list(value) if isinstance(value, list) else [value]

    def moved(place: int, number: float | None) -> None:
        if number is not None:  # an empty box is not a value yet
            numbers[place] = _number(number)
            change(lambda: list(numbers) if isinstance(value, list) else numbers[0])

    with ui.column().classes("w-full gap-1"):
        for place, number in enumerate(numbers):
            _slider(control, place, number, partial(moved, place))


def _slider(
    control: Control, place: int, number: float, moved: Callable[[float | None], None]
) -> None:
    """A slider and a box of the same number, which may lie beyond the slider's ends."""
    scale = control.scale
    with ui.row(wrap=False).classes("items-center gap-3 w-full"):
        slider = ui.slider(min=scale.low, max=scale.high, step=scale.step, value=number)
        slider.props(f'dense aria-label="{control.field} {place}"').classes("grow")
        box = _box(control, number, lambda: moved(box.value))
        slider.on_value_change(lambda: box.set_value(_number(slider.value)))
        box.on_value_change(lambda: box.value is None or slider.set_value(box.value))


def _range(control: Control, value: list[float], change: Change) -> None:
    scale = control.scale
    low = _box(control, value[0], lambda: typed())
    both = ui.range(
        min=scale.low, max=scale.high, step=scale.step, value={"min": value[0], "max": value[1]}
    )
    both.props(f'dense aria-label="{control.field}"').classes("grow mx-2")
    high = _box(control, value[1], lambda: typed())

    def moved() -> None:
        low.set_value(_number(both.value["min"]))
        high.set_value(_number(both.value["max"]))

    def typed() -> None:
        if low.value is None or high.value is None:
            return
        pair = [_number(low.value), _number(high.value)]
        if pair[0] <= pair[1]:  # what runs backwards has no place on it, and is told of
            both.set_value({"min": pair[0], "max": pair[1]})
        change(lambda: pair)

    both.on_value_change(moved)


def _box(control: Control, number: float, typed: Callable[[], None]) -> ui.number:
    box = ui.number(value=number, step=control.scale.step, on_change=typed)
    return box.props(f'dense outlined hide-bottom-space aria-label="{control.field}"').classes(
        "w-16 shrink-0 text-xs"
    )


def _color(control: Control, value: list[float], change: Change) -> None:
    def picked(text: str) -> None:
        if re.fullmatch("#[0-9a-fA-F]{6}", text):
            change(lambda: list(bytes.fromhex(text[1:])))

    shown = "#" + bytes(round(level) for level in value).hex()
    color = ui.color_input(
        value=shown, preview=True, on_change=lambda event: picked(event.value or "")
    )
    color.props(f'dense outlined aria-label="{control.field}"').classes("w-full")
    color.button.props("size=sm")


def _text(control: Control, value: Any, change: Change) -> None:
    area = ui.textarea(value=spell(value))
    area.on_value_change(lambda: change(lambda: read_yaml(area.value or "")))
    area.props(f'dense outlined autogrow debounce=300 aria-label="{control.field}"').classes(
        "w-full font-mono text-xs"
    )


def _number(number: float) -> float:
    """Without the noise of a slider's arithmetic, and as short as can be written."""
    return int(number) if float(number).is_integer() else round(float(number), _DIGITS)


_KINDS: dict[str, Callable[[Control, Any, Change], None]] = {
    "switch": _switch,
    "choice": _choice,
    "sliders": _sliders,
    "range": _range,
    "color": _color,
    "text": _text,
}
