"""Ops and values as recipes spell them: in one line of YAML each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml

from augpipe.recipe import STATISTICS

_DIGITS = 9  # behind the point: more is noise of arithmetic


def spell(value: Any) -> str:
    """Plain values in one line of YAML, which reads them back, floats to nine digits."""
    text = yaml.safe_dump(
        _plain(value), default_flow_style=True, sort_keys=False, width=math.inf, allow_unicode=True
    )
    return str(text).removesuffix("...\n").strip()


def spell_op(spec: Mapping[str, Any]) -> str:
    """An op, `{name: {parameter: value}}`; without parameters its name alone."""
    ((name, fields),) = spec.items()
    return f"{name}: {spell(fields)}" if fields else name


def spell_statistics(normalize: Mapping[str, Any]) -> str:
    """A mean and a deviation; or their name, where they have one."""
    for name, known in STATISTICS.items():
        if all(np.allclose(normalize[key], known[key], atol=1e-6) for key in known):
            return name
    return spell({key: normalize[key] for key in ("mean", "std")})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value
