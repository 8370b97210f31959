"""How context is added to an error, and how an unknown name is answered."""

from __future__ import annotations

import pytest

from augpipe import errors
from augpipe.errors import AugpipeError, DataError, DecodeError, TargetError, suggest, within


def test_context_is_prefixed_on_the_way_up_and_the_class_stays():
    with pytest.raises(DecodeError) as caught, within("table.csv"), within("row 7"):
        raise DecodeError("not a picture")
    assert str(caught.value) == "table.csv: row 7: not a picture"
    assert isinstance(caught.value, DataError)


def test_a_fault_of_the_program_keeps_its_own_face():
    with pytest.raises(ZeroDivisionError, match=r"^division by zero$"), within("row 7"):
        _ = 1 / 0


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("Rotat", "did you mean 'rotate'?"),
        ("ROTATE", "did you mean 'rotate'?"),
        ("qqq", "known: hsv, rotate"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_or_with_all(name, answer):
    assert suggest(name, ["rotate", "hsv"]) == answer


def test_the_drawn_tree_names_every_class_and_no_other():
    tree = errors.__doc__.split("\n\n")[1]
    drawn = {word for word in tree.replace("─", " ").split() if word.endswith("Error")}
    assert drawn == {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, AugpipeError)
    }


def test_only_work_that_failed_ends_with_one():
    assert TargetError.exit_code == 2
    assert errors.TrainError.exit_code == 1
