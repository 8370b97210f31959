from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from augpipe.loader.heap import settle_heap

def fill():
    return [np.ones(1 << 21, np.uint8) for _ in range(8)]

if {settled}:
    settle_heap()
for _ in range(2):
    fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, settled: bool) -> int:
    code = FAULTS.format(settled=settled)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep memory as they like")
def test_a_settled_heap_asks_the_system_for_no_page_twice():
    assert faults(settled=True) < 100 < faults(settled=False)
