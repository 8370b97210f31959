"""What is wrong with a data loader, whoever wrote it: it is run, and its pictures are compared.

Every probe is a process of its own, so that nothing which one of them draws, leaks or breaks is
seen by the next. `examine` is the whole of it; `judge` says what the probes' observations mean.
"""

from augpipe.doctor.examine import Report, examine
from augpipe.doctor.judge import Verdict

__all__ = ["Report", "Verdict", "examine"]
