"""The table of ops is complete, and its extremes are allowed."""

from __future__ import annotations

import pytest

from augpipe.ops import list_ops
from cases import CASES, EVERY_CASE, TOLERANCES, Case, single


def test_every_op_has_its_row():
    missing, unknown = set(list_ops()) - set(CASES), set(CASES) - set(list_ops())
    assert not missing, (
        f"no row in tests/cases.py for {sorted(missing)}: add one to CASES with typical and "
        "extreme parameters, and the general tests cover the op"
    )
    assert not unknown, f"tests/cases.py has rows for ops that are not registered: {unknown}"


def test_every_tolerance_belongs_to_a_case():
    assert set(TOLERANCES) <= {f"{name}-{kind}" for name in CASES for kind in Case._fields}


@pytest.mark.parametrize(("name", "parameters"), EVERY_CASE)
def test_every_case_is_valid(name, parameters):
    (op,) = single(name, parameters)
    assert op.name() == name
