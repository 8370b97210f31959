"""Controls come out of the models: their kinds, what sliders run over, what is said of them."""

from __future__ import annotations

import pytest

from augpipe import list_ops
from augpipe.cli.ops import example_fields
from augpipe.errors import RecipeError
from augpipe.ops import find_op, make_op
from augpipe.studio.fields import Control, Scale, controls

# Of what is bound by another field, or by other ops, no slider can know.
BOUND_BY_OTHERS = {("some_of", "n"), ("rand_augment", "num_magnitude_bins"), ("pad", "padding")}


def controls_of(name: str, **fields: object) -> dict[str, Control]:
    op = make_op({name: example_fields(find_op(name)) | fields})
    return {one.field: one for one in controls(type(op), op.model_dump(mode="json"))}


def values_at_the_ends(control: Control, now: object) -> list[object]:
    low, high = control.scale.low, control.scale.high
    if control.kind == "range":
        return [[low, low], [low, high], [high, high]]
    if isinstance(now, list | tuple):
        return [[low] * len(now), [high] * len(now)]
    return [low, high]


@pytest.mark.parametrize("name", list_ops())
def test_a_slider_runs_over_values_that_the_op_takes(name):
    fields = example_fields(find_op(name))
    values = make_op({name: fields}).model_dump(mode="json")
    for field, control in controls_of(name).items():
        if control.kind not in ("sliders", "range") or (name, field) in BOUND_BY_OTHERS:
            continue
        for value in values_at_the_ends(control, values[field]):
            make_op({name: fields | {field: value}})  # or it says what is wrong


@pytest.mark.parametrize(("name", "field"), sorted(BOUND_BY_OTHERS))
def test_what_is_bound_by_others_is_told_by_the_op(name, field):
    fields = example_fields(find_op(name))
    control = controls_of(name)[field]
    with pytest.raises(RecipeError, match=name):
        for value in values_at_the_ends(control, make_op({name: fields}).model_dump()[field]):
            make_op({name: fields | {field: value}})


@pytest.mark.parametrize("name", list_ops())
def test_every_field_has_a_control_with_its_help_that_shows_its_value(name):
    made = make_op({name: example_fields(find_op(name))})
    values = made.model_dump(mode="json")
    found = controls_of(name)
    assert list(found) == list(type(made).model_fields)
    for field, control in found.items():
        assert control.help, field
        if control.kind in ("sliders", "range"):
            numbers = values[field] if isinstance(values[field], list) else [values[field]]
            assert all(control.scale.low <= one <= control.scale.high for one in numbers)


@pytest.mark.parametrize(
    ("name", "field", "kind"),
    [
        ("affine", "degrees", "range"),
        ("affine", "translate", "sliders"),  # along x and along y, not a range
        ("affine", "fill", "color"),
        ("affine", "border", "choice"),
        ("affine", "p", "sliders"),
        ("letterbox", "scale_up", "switch"),
        ("rotate90", "turns", "text"),
        ("one_of", "ops", "ops"),
        ("generator", "weights", "text"),
        ("color_matrix", "matrix", "text"),
    ],
)
def test_kinds(name, field, kind):
    assert controls_of(name)[field].kind == kind


def test_a_choice_lists_what_the_op_takes():
    control = controls_of("affine")["border"]
    assert control.choices == ("constant", "replicate", "reflect")
    assert control.help.startswith("constant (shows `fill`)")


def test_a_slider_runs_over_the_models_bounds():
    assert controls_of("jpeg_compression")["quality"].scale == Scale(1, 100, 1)
    assert controls_of("perspective")["distortion_scale"].scale == Scale(0, 0.6, 0.001)


def test_a_slider_is_widened_where_the_value_lies_beyond_what_is_usual():
    assert controls_of("affine", degrees=[-500, 20])["degrees"].scale == Scale(-500, 180, 1)


def test_a_field_of_several_types_is_shown_as_what_it_is_now():
    one, two = (controls_of("resize", size=size)["size"] for size in (224, [160, 240]))
    assert (one.kind, two.kind) == ("sliders", "sliders")
    assert controls_of("resize", size=224)["max_size"].kind == "text"  # null
    assert controls_of("resize", size=224, max_size=300)["max_size"].kind == "sliders"
    assert controls_of("random_erasing", value="random")["value"].kind == "text"
